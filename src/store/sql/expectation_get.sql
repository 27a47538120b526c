SELECT tenant, resource_type, body, source, author, set_at, objects
FROM expectations
WHERE tenant = $1 AND resource_type = $2
