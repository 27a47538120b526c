UPDATE findings SET state = 'acknowledged', ack_reason = $2, ack_by = $3, ack_at = $4, ack_until = $5
WHERE id = $1 AND state IN ('open', 'acknowledged')
