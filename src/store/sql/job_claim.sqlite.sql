-- Waiting jobs whose time has come, or whose deadline passed: by priority, then each lane in turn. Clouds that have
-- their share of this instance already are left out; parts of larger jobs are taken by themselves.
UPDATE jobs
SET state = 'running', started_at = $1, lease_owner = $2, lease_until = $3
WHERE id IN (
    SELECT id FROM jobs
    WHERE state = 'queued' AND part_of IS NULL AND (not_before <= $1 OR deadline < $1 OR cancel_asked_at IS NOT NULL)
      AND (cloud IS NULL OR cloud NOT IN (SELECT value FROM json_each($5)))
    ORDER BY priority DESC, turn, not_before, id
    LIMIT $4
)
RETURNING id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of, producer, reply, cancel_asked_at, part, turn
