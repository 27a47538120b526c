-- Locks the row for the rest of the transaction and tells what is known, without noting an attempt.
UPDATE resources SET last_attempt_at = last_attempt_at
WHERE tenant = $1 AND resource_type = $2
RETURNING snapshot, observed_at, answered_at, failures, error_reason
