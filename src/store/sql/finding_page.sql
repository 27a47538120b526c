-- States are a text such as `,open,acknowledged,`. Each part has an index of its own: those of a tenant, what stands, and
-- what ended.
WITH fitting AS (
    SELECT id, opened_at FROM (
        SELECT f.id, f.opened_at FROM findings f
        WHERE f.tenant = $2
          AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
          AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
          AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
          AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
          AND (f.opened_at >= $6 OR $6 IS NULL)
          AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
          AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
        ORDER BY f.opened_at DESC, f.id DESC
        LIMIT CAST($9 AS BIGINT) + CAST($10 AS BIGINT)
    ) of_tenant
    UNION ALL
    SELECT id, opened_at FROM (
        SELECT f.id, f.opened_at FROM findings f
        WHERE f.state IN ('open', 'acknowledged') AND $2 IS NULL AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,open,%' OR CAST($5 AS TEXT) LIKE '%,acknowledged,%')
          AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
          AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
          AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
          AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
          AND (f.opened_at >= $6 OR $6 IS NULL)
          AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
          AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
        ORDER BY f.opened_at DESC, f.id DESC
        LIMIT CAST($9 AS BIGINT) + CAST($10 AS BIGINT)
    ) standing
    UNION ALL
    SELECT id, opened_at FROM (
        SELECT f.id, f.opened_at FROM findings f
        WHERE f.state IN ('resolved', 'accepted') AND $2 IS NULL AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,resolved,%' OR CAST($5 AS TEXT) LIKE '%,accepted,%')
          AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
          AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
          AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
          AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
          AND (f.opened_at >= $6 OR $6 IS NULL)
          AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
          AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
        ORDER BY f.opened_at DESC, f.id DESC
        LIMIT CAST($9 AS BIGINT) + CAST($10 AS BIGINT)
    ) ended
    ORDER BY opened_at DESC, id DESC
    LIMIT $9 OFFSET $10
)
SELECT f.id, f.tenant, f.resource_type, f.object, f.object_name, f.field, f.change, f.expected, f.observed, f.severity, f.state, f.source, f.opened_at, f.flapping, f.last_seen_at, f.resolved_at, f.ack_reason, f.ack_by, f.ack_at, f.ack_until, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name
FROM fitting p
JOIN findings f ON f.id = p.id
JOIN tenants t ON t.uuid = f.tenant
LEFT JOIN portal w ON w.tenant = t.uuid
ORDER BY f.opened_at DESC, f.id DESC
