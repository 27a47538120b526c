-- What ended last.
SELECT f.id, f.tenant, f.resource_type, f.object, f.object_name, f.field, f.change, f.expected, f.observed, f.severity, f.state, f.source, f.opened_at, f.flapping, f.last_seen_at, f.resolved_at, f.ack_reason, f.ack_by, f.ack_at, f.ack_until, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name
FROM (
    SELECT id FROM findings WHERE resolved_at >= $1 ORDER BY resolved_at DESC, id DESC LIMIT $2
) p
JOIN findings f ON f.id = p.id
JOIN tenants t ON t.uuid = f.tenant
LEFT JOIN portal w ON w.tenant = t.uuid
ORDER BY f.resolved_at DESC, f.id DESC
