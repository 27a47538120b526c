SELECT uuid, tenant, resource_type, backend_id, name, description, state, error_message, body, job, created_at, modified_at
FROM objects
WHERE tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR resource_type = $2)
ORDER BY created_at, uuid
