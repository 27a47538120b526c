-- The snapshot that was current at a moment.
SELECT s.id, t.cloud, s.tenant, t.backend_id, t.name AS tenant_name, s.resource_type, s.digest, s.first_seen_at, s.last_seen_at, s.body
FROM snapshots s
JOIN tenants t ON t.uuid = s.tenant
WHERE s.tenant = $1 AND s.resource_type = $2 AND s.first_seen_at <= $3
ORDER BY s.first_seen_at DESC, s.id DESC
LIMIT 1
