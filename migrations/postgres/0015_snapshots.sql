-- What the version before finds by it, it finds by the index of 0014.
DROP INDEX snapshots_by_tenant;
