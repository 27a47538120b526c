SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at
FROM tenants
WHERE uuid = ANY ($1::UUID[]) OR backend_id = ANY ($2::TEXT[])
ORDER BY cloud, uuid
