UPDATE findings
SET object_name = $2, change = $3, expected = $4, observed = $5, severity = $6, source = $7, last_seen_at = $8
WHERE id = $1
