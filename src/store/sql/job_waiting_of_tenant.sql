SELECT id FROM jobs
WHERE state = 'queued' AND (tenant = $1 OR subject = $2)
ORDER BY id
