SELECT tenant, resource_type, body, source, author, set_at, objects
FROM expectations
WHERE tenant = $1
ORDER BY resource_type
