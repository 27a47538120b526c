-- Waiting parts of larger jobs, a few at a time, so that other instances find some too.
UPDATE jobs
SET state = 'running', started_at = $1, lease_owner = $2, lease_until = $3
WHERE id IN (
    SELECT id FROM jobs
    WHERE state = 'queued' AND part_of IS NOT NULL AND (not_before <= $1 OR deadline < $1 OR cancel_asked_at IS NOT NULL) AND (cloud IS NULL OR cloud <> ALL ($5::TEXT[]))
    ORDER BY priority DESC, turn, not_before, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of, producer, reply, cancel_asked_at, part, turn
