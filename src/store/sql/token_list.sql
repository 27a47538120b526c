SELECT id, name, role, verifier, lifetime, expires_at, author, created_at, last_used_at, revoked_at
FROM tokens
ORDER BY created_at, id
