INSERT INTO tokens (id, name, role, verifier, lifetime, expires_at, author, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
