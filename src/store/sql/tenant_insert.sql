INSERT INTO tenants (uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at, tags, domain_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'OK', '', $8, NULL, $9, $10)
ON CONFLICT (cloud, backend_id) DO UPDATE
SET name = excluded.name, domain = excluded.domain, description = excluded.description, enabled = excluded.enabled, vanished_at = NULL,
    modified_at = excluded.created_at, tags = excluded.tags,
    domain_name = CASE WHEN excluded.domain_name = '' AND excluded.domain = tenants.domain THEN tenants.domain_name ELSE excluded.domain_name END
RETURNING uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name, tags, domain_name
