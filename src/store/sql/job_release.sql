-- What this owner holds goes back to waiting; at a stop no attempt is counted, after a crash one is.
UPDATE jobs
SET state = 'queued', attempt = attempt + $2, lease_owner = NULL, lease_until = NULL
WHERE state = 'running' AND lease_owner = $1
