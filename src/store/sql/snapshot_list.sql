SELECT s.id, t.cloud, s.tenant, t.backend_id, t.name AS tenant_name, s.resource_type, s.digest, s.first_seen_at, s.last_seen_at, s.body
FROM snapshots s
JOIN tenants t ON t.uuid = s.tenant
WHERE (CAST($1 AS TEXT) IS NULL OR t.cloud = $1)
  AND (s.tenant = $2 OR $2 IS NULL)
  AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
ORDER BY s.first_seen_at DESC, s.id DESC
LIMIT $4
