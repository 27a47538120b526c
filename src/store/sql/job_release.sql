-- What this owner holds goes back to waiting, and no attempt is counted: the daemon stops.
UPDATE jobs
SET state = 'queued', lease_owner = NULL, lease_until = NULL
WHERE state = 'running' AND lease_owner = $1
