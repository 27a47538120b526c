-- In no order: by their ids, all jobs would be looked through.
SELECT id FROM jobs
WHERE state = 'queued' AND (tenant = $1 OR subject = $2)
