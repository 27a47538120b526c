SELECT id, object, object_name, field, change, expected, observed, severity, state, opened_at, flapping
FROM findings
WHERE tenant = $1 AND resource_type = $2 AND state IN ('open', 'acknowledged')
ORDER BY object, field
