-- Locks the row until the end of the transaction: the fence that a late holder does not pass.
UPDATE leases SET expires_at = expires_at
WHERE name = $1 AND owner = $2 AND token = $3 AND expires_at >= $4
