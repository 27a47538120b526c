UPDATE jobs SET lease_until = $3
WHERE id = $1 AND state = 'running' AND lease_owner = $2
RETURNING id, cancel_asked_at
