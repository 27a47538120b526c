-- Only their holder ends running jobs. The state is compared so that they are found by their ids: the index of running
-- jobs is full of entries of those that ended since it was last vacuumed.
UPDATE jobs
SET state = e.state, outcome = e.outcome, cloud = e.cloud, tenant = e.tenant, attempt = e.attempt, started_at = e.started_at,
    finished_at = $9, reason = e.reason, error = e.error, lease_owner = NULL, lease_until = NULL
FROM UNNEST($1::UUID[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::UUID[], $7::BIGINT[], $8::TIMESTAMPTZ[], $10::TEXT[], $11::TEXT[])
    AS e (id, state, outcome, cloud, tenant, attempt, started_at, reason, error)
WHERE jobs.id = e.id AND COALESCE(jobs.state, '') = 'running' AND jobs.lease_owner = $2
RETURNING jobs.id
