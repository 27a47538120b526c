SELECT s.id, t.cloud, s.tenant, t.backend_id, t.name AS tenant_name, s.resource_type, s.digest, s.first_seen_at, s.last_seen_at, s.body
FROM snapshots s
JOIN tenants t ON t.uuid = s.tenant
WHERE s.id = $1
