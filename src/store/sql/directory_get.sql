-- A tenant with what the portal says of it, and its quotas as last seen.
SELECT CAST(1 AS BIGINT) AS total, t.uuid, t.cloud, t.backend_id, t.name, t.domain, t.description, t.enabled, t.state, t.error_message, t.created_at, t.vanished_at, t.version, t.state_job, t.modified_at, t.availability_zone, t.default_volume_type, t.internal_network, t.external_network, t.user_name, t.tags, t.domain_name,
    p.service_settings, p.service_settings_name, p.customer, p.customer_name, p.customer_native_name, p.customer_abbreviation, p.project, p.project_name, p.marketplace, p.imported_at,
    s.body AS quotas
FROM tenants t
LEFT JOIN portal p ON p.tenant = t.uuid
LEFT JOIN resources r ON r.tenant = t.uuid AND r.resource_type = 'quotas'
LEFT JOIN snapshots s ON s.id = r.snapshot
WHERE t.uuid = $1
