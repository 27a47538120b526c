-- What this owner holds goes back to waiting, with no attempt counted.
UPDATE jobs SET state = 'queued', lease_owner = NULL, lease_until = NULL WHERE state = 'running' AND lease_owner = $1
