-- What stands, and what was opened or ended since a moment, as far as a digest counts it; each part by an index of its own.
SELECT f.id, t.cloud, t.backend_id, t.name AS tenant_name, f.resource_type, f.object, f.object_name, f.field, f.severity, f.state, f.opened_at, f.resolved_at
FROM (
    SELECT f.id FROM findings f WHERE f.state IN ('open', 'acknowledged')
    UNION
    SELECT f.id FROM findings f WHERE f.state IN ('resolved', 'accepted') AND f.opened_at >= $2
    UNION
    SELECT f.id FROM findings f WHERE f.resolved_at >= $2
) p
JOIN findings f ON f.id = p.id
JOIN tenants t ON t.uuid = f.tenant
WHERE CAST($1 AS TEXT) IS NULL OR t.cloud = $1
