INSERT INTO tenants (uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'OK', '', $8, NULL)
ON CONFLICT (cloud, backend_id) DO UPDATE
SET name = excluded.name, domain = excluded.domain, description = excluded.description, enabled = excluded.enabled, vanished_at = NULL,
    modified_at = excluded.created_at
RETURNING uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name
