SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name, tags, domain_name
FROM tenants
WHERE name = $1 AND (CAST($2 AS TEXT) IS NULL OR cloud = $2)
ORDER BY cloud, uuid
