-- What the version before finds by the index that is replaced here, it finds by the other.

-- The snapshot before or after a moment is found without reading others, as SQLite finds it since 0013.
CREATE INDEX snapshots_by_moment ON snapshots (tenant, resource_type, first_seen_at, id);
-- Reading goes on while the new one is made.
DROP INDEX snapshots_by_tenant;
