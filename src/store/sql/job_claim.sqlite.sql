-- Waiting jobs whose time has come, and running ones whose owner is gone.
UPDATE jobs
SET state = 'running', started_at = $1, lease_owner = $2, lease_until = $3
WHERE id IN (
    SELECT id FROM jobs
    WHERE (state = 'queued' AND not_before <= $1) OR (state = 'running' AND lease_until < $1)
    ORDER BY priority DESC, not_before, id
    LIMIT $4
)
RETURNING id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of
