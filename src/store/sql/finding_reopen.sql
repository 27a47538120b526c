UPDATE findings SET state = 'open', ack_reason = NULL, ack_by = NULL, ack_at = NULL, ack_until = NULL
WHERE id = $1 AND state = 'acknowledged'
