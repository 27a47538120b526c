-- Tenants of one cloud that can be looked at, with tenantd's ids in a range.
SELECT uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name, tags, domain_name
FROM tenants
WHERE cloud = $1 AND uuid > $2 AND uuid <= $3 AND enabled AND vanished_at IS NULL
ORDER BY uuid
