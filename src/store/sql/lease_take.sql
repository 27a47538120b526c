-- Taken when it is free, expired, or one's own; the token grows only when the owner changes.
INSERT INTO leases (name, owner, token, expires_at)
VALUES ($1, $2, 1, $4)
ON CONFLICT (name) DO UPDATE
SET token = leases.token + CASE WHEN leases.owner = excluded.owner THEN 0 ELSE 1 END, owner = excluded.owner, expires_at = excluded.expires_at
WHERE leases.owner = excluded.owner OR leases.expires_at < $3
RETURNING token
