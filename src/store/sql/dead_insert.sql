-- A letter that is known already stays as it is: its message was delivered again.
INSERT INTO dead_letters (id, job, kind, tenant, reason, error, attempts, died_at, content_type, body, headers, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO NOTHING
