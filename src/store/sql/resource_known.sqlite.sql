-- The keys are a list in JSON: tenantd's id in hexadecimal digits, and the resource type.
SELECT r.tenant, r.resource_type, r.snapshot, r.observed_at, r.answered_at, r.settled, e.set_at AS expected_since
FROM json_each($1) k
CROSS JOIN resources r ON r.tenant = unhex(k.value ->> 0) AND r.resource_type = k.value ->> 1
LEFT JOIN expectations e ON e.tenant = r.tenant AND e.resource_type = r.resource_type
ORDER BY r.tenant, r.resource_type
