-- One page of the tenants that fit, with what the portal says of them, their quotas as last seen, and how many fit in
-- all. Bodies are read only for the page itself.
WITH fitting AS (
    SELECT t.uuid, t.name, t.state, t.created_at,
        COALESCE(p.customer_name, '') AS customer_name,
        COALESCE(p.customer_native_name, '') AS customer_native_name,
        COALESCE(p.customer_abbreviation, '') AS customer_abbreviation,
        COALESCE(p.project_name, '') AS project_name,
        COALESCE(p.service_settings_name, t.cloud) AS service_name
    FROM tenants t
    LEFT JOIN portal p ON p.tenant = t.uuid
    WHERE (CAST($1 AS TEXT) IS NULL OR LOWER(t.name) LIKE LOWER(CAST($1 AS TEXT)) ESCAPE '\')
      AND (CAST($2 AS TEXT) IS NULL OR LOWER(t.description) LIKE LOWER(CAST($2 AS TEXT)) ESCAPE '\')
      AND (CAST($3 AS TEXT) IS NULL OR t.name = $3)
      AND (CAST($4 AS TEXT) IS NULL OR t.backend_id = $4)
      AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || t.state || ',%')
      AND (t.uuid = $6 OR $6 IS NULL)
      AND (p.customer = $7 OR $7 IS NULL)
      AND (p.project = $8 OR $8 IS NULL)
      AND (p.service_settings = $9 OR $9 IS NULL OR (p.service_settings IS NULL AND t.cloud = CAST($10 AS TEXT)))
      AND (CAST($11 AS TEXT) IS NULL OR LOWER(p.customer_name) LIKE LOWER(CAST($11 AS TEXT)) ESCAPE '\')
      AND (CAST($12 AS TEXT) IS NULL OR LOWER(p.customer_native_name) LIKE LOWER(CAST($12 AS TEXT)) ESCAPE '\')
      AND (CAST($13 AS TEXT) IS NULL OR LOWER(p.customer_abbreviation) LIKE LOWER(CAST($13 AS TEXT)) ESCAPE '\')
      AND (CAST($14 AS TEXT) IS NULL OR LOWER(p.project_name) LIKE LOWER(CAST($14 AS TEXT)) ESCAPE '\')
      AND (CAST($15 AS TEXT) IS NULL
           OR LOWER(COALESCE(p.service_settings_name, t.cloud)) LIKE LOWER(CAST($15 AS TEXT)) ESCAPE '\')
),
placed AS (
    SELECT uuid, COUNT(*) OVER () AS total, ROW_NUMBER() OVER (ORDER BY
        CASE CAST($16 AS TEXT) WHEN 'name' THEN name WHEN 'state' THEN state WHEN 'customer_name' THEN customer_name
            WHEN 'customer_native_name' THEN customer_native_name WHEN 'project_name' THEN project_name
            WHEN 'customer_abbreviation' THEN customer_abbreviation WHEN 'service_name' THEN service_name END,
        CASE CAST($16 AS TEXT) WHEN '-name' THEN name WHEN '-state' THEN state WHEN '-customer_name' THEN customer_name
            WHEN '-customer_native_name' THEN customer_native_name WHEN '-project_name' THEN project_name
            WHEN '-customer_abbreviation' THEN customer_abbreviation WHEN '-service_name' THEN service_name END DESC,
        CASE WHEN CAST($16 AS TEXT) = 'created' THEN created_at END,
        CASE WHEN CAST($16 AS TEXT) = '-created' THEN created_at END DESC,
        CASE CAST($17 AS TEXT) WHEN 'name' THEN name WHEN 'state' THEN state WHEN 'customer_name' THEN customer_name
            WHEN 'customer_native_name' THEN customer_native_name WHEN 'project_name' THEN project_name
            WHEN 'customer_abbreviation' THEN customer_abbreviation WHEN 'service_name' THEN service_name END,
        CASE CAST($17 AS TEXT) WHEN '-name' THEN name WHEN '-state' THEN state WHEN '-customer_name' THEN customer_name
            WHEN '-customer_native_name' THEN customer_native_name WHEN '-project_name' THEN project_name
            WHEN '-customer_abbreviation' THEN customer_abbreviation WHEN '-service_name' THEN service_name END DESC,
        CASE WHEN CAST($17 AS TEXT) = 'created' THEN created_at END,
        CASE WHEN CAST($17 AS TEXT) = '-created' THEN created_at END DESC,
        name, uuid) AS place
    FROM fitting
)
SELECT f.total, t.uuid, t.cloud, t.backend_id, t.name, t.domain, t.description, t.enabled, t.state, t.error_message, t.created_at, t.vanished_at, t.version, t.state_job, t.modified_at, t.availability_zone, t.default_volume_type, t.internal_network, t.external_network, t.user_name, t.tags, t.domain_name,
    p.service_settings, p.service_settings_name, p.customer, p.customer_name, p.customer_native_name, p.customer_abbreviation, p.project, p.project_name, p.marketplace, p.imported_at,
    s.body AS quotas
FROM (SELECT uuid, total, place FROM placed WHERE place > $19 AND place <= $18 + $19) f
JOIN tenants t ON t.uuid = f.uuid
LEFT JOIN portal p ON p.tenant = t.uuid
LEFT JOIN resources r ON r.tenant = t.uuid AND r.resource_type = 'quotas'
LEFT JOIN snapshots s ON s.id = r.snapshot
ORDER BY f.place
