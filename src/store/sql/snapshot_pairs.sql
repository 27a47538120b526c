-- What each resource type looked like at two moments, where that is not the same. Bodies are read only where digests
-- differ. What was first seen in between is compared with that first look. Only of what has a snapshot in between is
-- anything else read; which that is, an index tells.
WITH moved AS (
    SELECT s.tenant, s.resource_type, COUNT(*) AS looks FROM snapshots s
    WHERE s.tenant = $5 AND s.first_seen_at > $1 AND s.first_seen_at <= $2
    GROUP BY s.tenant, s.resource_type
    UNION ALL
    SELECT s.tenant, s.resource_type, COUNT(*) AS looks FROM snapshots s
    WHERE $5 IS NULL AND s.first_seen_at > $1 AND s.first_seen_at <= $2
    GROUP BY s.tenant, s.resource_type
),
spans AS MATERIALIZED (
    SELECT m.tenant, m.resource_type, m.looks,
        COALESCE(
            (SELECT s.id FROM snapshots s
             WHERE s.tenant = m.tenant AND s.resource_type = m.resource_type AND s.first_seen_at <= $1
             ORDER BY s.first_seen_at DESC, s.id DESC LIMIT 1),
            (SELECT s.id FROM snapshots s
             WHERE s.tenant = m.tenant AND s.resource_type = m.resource_type AND s.first_seen_at > $1
             ORDER BY s.first_seen_at, s.id LIMIT 1)) AS base,
        (SELECT s.id FROM snapshots s
         WHERE s.tenant = m.tenant AND s.resource_type = m.resource_type AND s.first_seen_at <= $2
         ORDER BY s.first_seen_at DESC, s.id DESC LIMIT 1) AS latest
    FROM moved m
    JOIN tenants t ON t.uuid = m.tenant
    WHERE (CAST($3 AS TEXT) IS NULL OR t.cloud = $3)
      AND (CAST($4 AS TEXT) IS NULL OR $4 IN (t.domain, t.domain_name))
      AND (CAST($6 AS TEXT) IS NULL OR m.resource_type = $6)
)
SELECT p.tenant, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name,
    p.resource_type, b.first_seen_at > $1 AS is_first_seen, p.looks > 1 AS has_more, b.first_seen_at AS base_at, a.id AS latest, a.first_seen_at AS latest_at,
    CASE WHEN b.digest <> a.digest THEN b.body END AS before, CASE WHEN b.digest <> a.digest THEN a.body END AS after
FROM spans p
JOIN snapshots a ON a.id = p.latest
JOIN snapshots b ON b.id = p.base
JOIN tenants t ON t.uuid = p.tenant
LEFT JOIN portal w ON w.tenant = p.tenant
WHERE b.first_seen_at > $1 OR b.digest <> a.digest
