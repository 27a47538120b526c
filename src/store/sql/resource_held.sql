-- How many tenants of a cloud, but for one project, were seen with any object of a resource type.
SELECT COUNT(*)
FROM tenants t
JOIN resources r ON r.tenant = t.uuid AND r.resource_type = $2
JOIN snapshots s ON s.id = r.snapshot
WHERE t.cloud = $1 AND t.backend_id <> $3 AND t.enabled AND t.vanished_at IS NULL AND CAST(s.body AS TEXT) <> '[]'
