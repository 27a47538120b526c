-- Whether a job is still held by this owner; nothing is locked or waited for.
SELECT COUNT(*) AS count FROM jobs WHERE id = $1 AND state = 'running' AND lease_owner = $2
