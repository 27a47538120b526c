-- States are a text such as `,open,acknowledged,`.
WITH fitting AS (
    SELECT f.id, f.opened_at, COUNT(*) OVER () AS total
    FROM findings f
    JOIN tenants t ON t.uuid = f.tenant
    WHERE (CAST($1 AS TEXT) IS NULL OR t.cloud = $1)
      AND (f.tenant = $2 OR $2 IS NULL)
      AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
      AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
      AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
      AND (f.opened_at >= $6 OR $6 IS NULL)
    ORDER BY f.opened_at DESC, f.id DESC
    LIMIT $7 OFFSET $8
)
SELECT f.id, f.tenant, f.resource_type, f.object, f.object_name, f.field, f.change, f.expected, f.observed, f.severity, f.state, f.source, f.opened_at, f.flapping, f.last_seen_at, f.resolved_at, f.ack_reason, f.ack_by, f.ack_at, f.ack_until, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name, p.total
FROM fitting p
JOIN findings f ON f.id = p.id
JOIN tenants t ON t.uuid = f.tenant
LEFT JOIN portal w ON w.tenant = t.uuid
ORDER BY p.opened_at DESC, p.id DESC
