-- A delivery becomes a row before it is worked on, so that it runs once wherever it is delivered.
INSERT INTO jobs (id, kind, cloud, tenant, subject, params, state, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply, started_at, lease_owner, lease_until)
VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (id) DO NOTHING
RETURNING id
