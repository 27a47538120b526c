-- Those of a tenant by its own index, others by time; bodies are read only for the page itself.
WITH fitting AS (
    SELECT id, first_seen_at FROM (
        SELECT s.id, s.first_seen_at FROM snapshots s
        WHERE s.tenant = $2
          AND (CAST($1 AS TEXT) IS NULL OR s.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
          AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
        ORDER BY s.first_seen_at DESC, s.id DESC
        LIMIT CAST($4 AS BIGINT) + CAST($5 AS BIGINT)
    ) of_tenant
    UNION ALL
    SELECT id, first_seen_at FROM (
        SELECT s.id, s.first_seen_at FROM snapshots s
        WHERE $2 IS NULL
          AND (CAST($1 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM tenants WHERE cloud = $1))
          AND (CAST($1 AS TEXT) IS NULL OR s.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
          AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
        ORDER BY s.first_seen_at DESC, s.id DESC
        LIMIT CAST($4 AS BIGINT) + CAST($5 AS BIGINT)
    ) of_all
    ORDER BY first_seen_at DESC, id DESC
    LIMIT $4 OFFSET $5
)
SELECT s.id, t.cloud, s.tenant, t.backend_id, t.name AS tenant_name, s.resource_type, s.digest, s.first_seen_at, s.last_seen_at, s.body
FROM fitting p
JOIN snapshots s ON s.id = p.id
JOIN tenants t ON t.uuid = s.tenant
ORDER BY s.first_seen_at DESC, s.id DESC
