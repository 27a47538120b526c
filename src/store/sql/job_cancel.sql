UPDATE jobs
SET state = 'cancelled', outcome = 'cancelled', finished_at = $2, reason = 'cancelled', error = $3
WHERE id = $1 AND state = 'queued'
