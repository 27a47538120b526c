-- The tenants that are there, with no more of each than its names.
SELECT t.uuid, t.cloud, t.backend_id, t.name, t.domain, t.enabled, w.customer_name, w.project_name
FROM tenants t
LEFT JOIN portal w ON w.tenant = t.uuid
WHERE t.vanished_at IS NULL
ORDER BY t.uuid
