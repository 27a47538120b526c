SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at
FROM tenants
WHERE backend_id = $1 AND (CAST($2 AS TEXT) IS NULL OR cloud = $2)
ORDER BY cloud, uuid
