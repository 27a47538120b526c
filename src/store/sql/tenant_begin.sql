-- What the state was before is one in which nothing goes on, or whatever ends the job would leave the tenant busy for ever.
-- A job begins to change a tenant that is its own already, that nobody changes, or whose changer ended without a word.
UPDATE tenants
SET state = $3, state_job = $2, state_before = CASE WHEN state_job = $2 THEN state_before WHEN state IN ('OK', 'ERRED') THEN state ELSE 'ERRED' END,
    error_message = '', version = version + 1, modified_at = $4
WHERE uuid = $1
    AND (state_job = $2
        OR state IN ('OK', 'ERRED')
        OR NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = tenants.state_job AND jobs.state IN ('queued', 'running')))
RETURNING uuid, cloud, backend_id, name, domain, description, enabled, state, error_message, created_at, vanished_at,
    version, state_job, modified_at, availability_zone, default_volume_type, internal_network, external_network, user_name, tags, domain_name
