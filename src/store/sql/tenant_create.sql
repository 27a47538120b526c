-- A tenant that is asked for and has no project yet; asked for again, it stays as it is.
INSERT INTO tenants (uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name)
VALUES ($1, $2, $3, $4, $5, $6, FALSE, 'CREATION_SCHEDULED', '', $7, NULL, 0, $8, $7, $9, $10, '', '', '')
ON CONFLICT (uuid) DO NOTHING
