SELECT object, object_name, field, change, expected, observed, count, since, counted_at
FROM suspicions
WHERE tenant = $1 AND resource_type = $2
ORDER BY object, field
