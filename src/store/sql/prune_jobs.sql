-- A job that has not ended stays, however old it is.
DELETE FROM jobs
WHERE id IN (
    SELECT id FROM jobs
    WHERE enqueued_at < $1 AND finished_at < $1 AND state IN ('succeeded', 'failed', 'cancelled')
    ORDER BY enqueued_at, id
    LIMIT $2
)
