-- What stands, and what was opened or ended since a moment, as far as a digest counts it.
SELECT f.id, t.cloud, t.backend_id, t.name AS tenant_name, f.resource_type, f.object, f.object_name, f.field, f.severity, f.state, f.opened_at, f.resolved_at
FROM findings f
JOIN tenants t ON t.uuid = f.tenant
WHERE (CAST($1 AS TEXT) IS NULL OR t.cloud = $1)
  AND (f.state IN ('open', 'acknowledged') OR f.opened_at >= $2 OR f.resolved_at >= $2)
