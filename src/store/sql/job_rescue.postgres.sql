-- Running jobs whose holder is gone wait again. The attempt counts, for it may have been what ended the holder. A row that
-- is being ended just now is not waited for.
UPDATE jobs
SET state = 'queued', attempt = attempt + 1, lease_owner = NULL, lease_until = NULL
WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < $1 FOR UPDATE SKIP LOCKED)
