INSERT INTO objects (uuid, tenant, resource_type, backend_id, name, description, state, error_message, body, job, created_at, modified_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (uuid) DO UPDATE
SET backend_id = excluded.backend_id, name = excluded.name, description = excluded.description, state = excluded.state,
    error_message = excluded.error_message, body = excluded.body, job = excluded.job, modified_at = excluded.modified_at
