-- Waiting jobs whose time has come, and running ones whose owner is gone: there an attempt counts, for it may have
-- been what ended the owner.
UPDATE jobs
SET state = 'running', attempt = attempt + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
    started_at = $1, lease_owner = $2, lease_until = $3
WHERE id IN (
    SELECT id FROM jobs
    WHERE (state = 'queued' AND not_before <= $1) OR (state = 'running' AND lease_until < $1)
    ORDER BY priority DESC, not_before, id
    LIMIT $4
)
RETURNING id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of, producer, reply
