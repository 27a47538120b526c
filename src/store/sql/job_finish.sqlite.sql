-- Only its holder ends a running job.
UPDATE jobs
SET state = $3, outcome = $4, cloud = $5, tenant = $6, attempt = $7, started_at = $8, finished_at = $9, reason = $10, error = $11,
    lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND state = 'running' AND lease_owner = $2
RETURNING id
