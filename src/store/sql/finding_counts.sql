SELECT t.cloud, t.backend_id, f.resource_type, f.severity, f.state, COUNT(*) AS count, MIN(f.opened_at) AS oldest
FROM findings f
JOIN tenants t ON t.uuid = f.tenant
WHERE f.state IN ('open', 'acknowledged') AND t.vanished_at IS NULL
GROUP BY t.cloud, t.backend_id, f.resource_type, f.severity, f.state
ORDER BY t.cloud, t.backend_id, f.resource_type, f.severity, f.state
