SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at
FROM tenants
WHERE CAST($1 AS TEXT) IS NULL OR cloud = $1
ORDER BY cloud, name, uuid
