-- A job that is known already stays as it is. A lane's job gets the turn after the lane's last one; a lane that had
-- none begins where the others are (start-time fair queueing).
INSERT INTO jobs (id, kind, cloud, tenant, subject, params, state, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply, lane, turn)
VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
    1 + COALESCE(
        (SELECT MAX(turn) FROM jobs WHERE state = 'queued' AND lane = $18 AND priority = $8),
        (SELECT MIN(turn) FROM jobs WHERE state = 'queued' AND priority = $8) - 1,
        0))
ON CONFLICT (id) DO NOTHING
