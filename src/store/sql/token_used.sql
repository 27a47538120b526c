-- A request that was slow must not move the end of the token back.
UPDATE tokens
SET last_used_at = $2, expires_at = $3
WHERE id = $1 AND revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at < $2)
