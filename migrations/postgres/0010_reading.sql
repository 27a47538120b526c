-- What the version before finds by an index that is gone here, it finds by another.

-- Lists are filtered out of an index, without the rows. What ended enters these once, for what ended never changes.
CREATE INDEX jobs_ended ON jobs (enqueued_at, state, kind, cloud) WHERE state IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX jobs_ended_by_tenant ON jobs (tenant, enqueued_at) WHERE state IN ('succeeded', 'failed', 'cancelled');
DROP INDEX jobs_by_time;
CREATE INDEX snapshots_listed ON snapshots (first_seen_at, resource_type, tenant);
DROP INDEX snapshots_by_time;
CREATE INDEX findings_ended ON findings (opened_at, state, severity, resource_type, tenant) WHERE state IN ('resolved', 'accepted');
CREATE INDEX findings_by_end ON findings (resolved_at) WHERE resolved_at IS NOT NULL;
DROP INDEX findings_by_time;

CREATE INDEX tenants_by_name ON tenants (name);
-- Counted at each scrape.
CREATE INDEX dead_letters_left ON dead_letters (died_at) WHERE requeued_as IS NULL;
