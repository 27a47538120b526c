-- A job that is known already stays as it is.
INSERT INTO jobs (id, kind, cloud, tenant, subject, params, state, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply)
VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (id) DO NOTHING
