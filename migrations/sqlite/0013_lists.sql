-- What the version before finds by an index that is made anew here, it finds as it did.

-- Jobs that are parts of another are left out of lists: told by the index, their rows need not be read to find that out.
-- The id gives jobs of the same moment their order.
DROP INDEX jobs_ended;
CREATE INDEX jobs_over ON jobs (enqueued_at, id, state, kind, cloud, part_of) WHERE state IN ('succeeded', 'failed', 'cancelled');
-- Which field it is of is a filter too.
DROP INDEX findings_ended;
CREATE INDEX findings_over ON findings (opened_at, state, severity, resource_type, tenant, field) WHERE state IN ('resolved', 'accepted');
-- The snapshot before or after a moment is found without reading others.
DROP INDEX snapshots_by_tenant;
CREATE INDEX snapshots_by_tenant ON snapshots (tenant, resource_type, first_seen_at, id);
