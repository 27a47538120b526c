INSERT INTO jobs (id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply, started_at, finished_at, reason, error)
VALUES ($1, $2, $3, $4, $5, $6, $18, $19, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $20, $21, $22, $23)
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, outcome = excluded.outcome, cloud = excluded.cloud, tenant = excluded.tenant, attempt = excluded.attempt,
    started_at = excluded.started_at, finished_at = excluded.finished_at, reason = excluded.reason, error = excluded.error,
    not_before = excluded.not_before, lease_owner = NULL, lease_until = NULL
WHERE jobs.state IN ('queued', 'running') AND (jobs.lease_owner IS NULL OR jobs.lease_owner = $24)
