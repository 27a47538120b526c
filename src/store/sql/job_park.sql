-- A job that its holder gives back: it waits for its turn, its time, or a retry.
UPDATE jobs
SET state = 'queued', outcome = NULL, cloud = $3, tenant = $4, attempt = $5, not_before = $6, reason = $7, error = $8, lane = $9,
    turn = 1 + COALESCE(
        (SELECT MAX(q.turn) FROM jobs q WHERE q.state = 'queued' AND q.lane = $9 AND q.priority = jobs.priority),
        (SELECT MIN(q.turn) FROM jobs q WHERE q.state = 'queued' AND q.priority = jobs.priority) - 1,
        0),
    lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND state = 'running' AND lease_owner = $2
