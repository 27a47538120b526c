-- The snapshot before or after a moment is found without reading others, as SQLite finds it since 0013. The index that it
-- takes the place of goes in a transaction of its own: a version that still writes could wait for this one and be waited for.
CREATE INDEX snapshots_by_moment ON snapshots (tenant, resource_type, first_seen_at, id);
