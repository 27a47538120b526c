-- Running jobs whose holder is gone wait again. The attempt counts, for it may have been what ended the holder.
UPDATE jobs
SET state = 'queued', attempt = attempt + 1, lease_owner = NULL, lease_until = NULL
WHERE state = 'running' AND lease_until < $1
