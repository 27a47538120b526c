-- Every resource type of every tenant, with what the last complete look saw.
SELECT r.tenant, r.resource_type, r.last_success_at, r.error_reason, s.body
FROM resources r
LEFT JOIN snapshots s ON s.id = r.snapshot
ORDER BY r.tenant, r.resource_type
