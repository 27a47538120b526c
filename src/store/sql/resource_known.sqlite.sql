SELECT r.tenant, r.resource_type, r.snapshot, r.observed_at, r.answered_at, r.settled, e.set_at AS expected_since
FROM resources r
LEFT JOIN expectations e ON e.tenant = r.tenant AND e.resource_type = r.resource_type
WHERE r.tenant = $1 AND r.resource_type = $2
