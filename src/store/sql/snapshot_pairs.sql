-- What each resource type looked like at two moments, where that is not the same. Bodies are read only where digests
-- differ. What was first seen in between is compared with that first look. A resource type whose current snapshot is older
-- than the first moment is ruled out before anything else of it is read.
WITH spans AS MATERIALIZED (
    SELECT r.tenant, r.resource_type,
        (SELECT s.id FROM snapshots s
         WHERE s.tenant = r.tenant AND s.resource_type = r.resource_type AND s.first_seen_at <= $1
         ORDER BY s.first_seen_at DESC, s.id DESC LIMIT 1) AS base,
        (SELECT s.id FROM snapshots s
         WHERE s.tenant = r.tenant AND s.resource_type = r.resource_type AND s.first_seen_at > $1
         ORDER BY s.first_seen_at, s.id LIMIT 1) AS onset,
        (SELECT s.id FROM snapshots s
         WHERE s.tenant = r.tenant AND s.resource_type = r.resource_type AND s.first_seen_at <= $2
         ORDER BY s.first_seen_at DESC, s.id DESC LIMIT 1) AS latest
    FROM resources r
    JOIN snapshots c ON c.id = r.snapshot
    JOIN tenants t ON t.uuid = r.tenant
    WHERE c.first_seen_at > $1
      AND (CAST($3 AS TEXT) IS NULL OR t.cloud = $3)
      AND (CAST($4 AS TEXT) IS NULL OR $4 IN (t.domain, t.domain_name))
      AND (r.tenant = $5 OR $5 IS NULL)
      AND (CAST($6 AS TEXT) IS NULL OR r.resource_type = $6)
)
SELECT p.tenant, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name,
    p.resource_type, p.base IS NULL AS is_first_seen, p.onset <> p.latest AS has_more, b.first_seen_at AS base_at, a.id AS latest, a.first_seen_at AS latest_at,
    CASE WHEN b.digest <> a.digest THEN b.body END AS before, CASE WHEN b.digest <> a.digest THEN a.body END AS after
FROM spans p
JOIN snapshots a ON a.id = p.latest
JOIN snapshots b ON b.id = COALESCE(p.base, p.onset)
JOIN tenants t ON t.uuid = p.tenant
LEFT JOIN portal w ON w.tenant = p.tenant
WHERE p.base IS NULL OR b.digest <> a.digest
