WITH fitting AS (
    SELECT s.id, s.first_seen_at, COUNT(*) OVER () AS total
    FROM snapshots s
    JOIN tenants t ON t.uuid = s.tenant
    WHERE (CAST($1 AS TEXT) IS NULL OR t.cloud = $1)
      AND (s.tenant = $2 OR $2 IS NULL)
      AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
    ORDER BY s.first_seen_at DESC, s.id DESC
    LIMIT $4 OFFSET $5
)
SELECT s.id, t.cloud, s.tenant, t.backend_id, t.name AS tenant_name, s.resource_type, s.digest, s.first_seen_at, s.last_seen_at, s.body, p.total
FROM fitting p
JOIN snapshots s ON s.id = p.id
JOIN tenants t ON t.uuid = s.tenant
ORDER BY p.first_seen_at DESC, p.id DESC
