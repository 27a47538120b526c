SELECT uuid, tenant, resource_type, backend_id, name, description, state, error_message, body, job, created_at, modified_at
FROM objects
WHERE uuid = $1
