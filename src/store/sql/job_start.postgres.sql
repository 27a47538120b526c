-- Deliveries become rows before they are worked on, so that each runs once wherever it is delivered.
INSERT INTO jobs (id, kind, cloud, tenant, subject, params, state, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply, started_at, lease_owner, lease_until)
SELECT id, kind, cloud, tenant, subject, params, 'running', attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply, $18, $19, $20
FROM UNNEST($1::UUID[], $2::TEXT[], $3::TEXT[], $4::UUID[], $5::TEXT[], $6::JSONB[], $7::BIGINT[], $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::TIMESTAMPTZ[], $12::TIMESTAMPTZ[], $13::TIMESTAMPTZ[], $14::TEXT[], $15::UUID[], $16::TEXT[], $17::JSONB[])
    AS d (id, kind, cloud, tenant, subject, params, attempt, priority, source, digest, not_before, deadline, enqueued_at, trace, retry_of, producer, reply)
ON CONFLICT (id) DO NOTHING
RETURNING id
