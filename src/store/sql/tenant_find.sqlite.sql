SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at
FROM tenants
WHERE uuid = $1 OR backend_id = $2
ORDER BY cloud, uuid
