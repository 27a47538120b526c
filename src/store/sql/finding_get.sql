SELECT f.id, f.tenant, f.resource_type, f.object, f.object_name, f.field, f.change, f.expected, f.observed, f.severity, f.state, f.source, f.opened_at, f.last_seen_at, f.resolved_at, t.cloud, t.backend_id, t.name AS tenant_name
FROM findings f
JOIN tenants t ON t.uuid = f.tenant
WHERE f.id = $1
