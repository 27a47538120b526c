-- A job that waits ends at once; of one that runs it is noted, for whoever holds it, and the first who asked counts.
UPDATE jobs
SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
    outcome = CASE state WHEN 'queued' THEN 'cancelled' ELSE outcome END,
    finished_at = CASE state WHEN 'queued' THEN $2 ELSE finished_at END,
    reason = CASE state WHEN 'queued' THEN 'cancelled' ELSE reason END,
    error = CASE state WHEN 'queued' THEN $3 ELSE error END,
    cancel_asked_at = CASE state WHEN 'running' THEN COALESCE(cancel_asked_at, $2) ELSE cancel_asked_at END
WHERE id = $1 AND state IN ('queued', 'running')
RETURNING state
