UPDATE steps SET done_at = $3, result = $4 WHERE job = $1 AND name = $2
