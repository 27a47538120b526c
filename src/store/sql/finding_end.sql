UPDATE findings SET state = $2, resolved_at = $3 WHERE id = $1 AND state IN ('open', 'acknowledged')
