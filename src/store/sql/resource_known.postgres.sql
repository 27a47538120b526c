-- Locks the rows, in one order everywhere, for the rest of the transaction.
SELECT r.tenant, r.resource_type, r.snapshot, r.observed_at, r.answered_at, r.settled, e.set_at AS expected_since
FROM resources r
LEFT JOIN expectations e ON e.tenant = r.tenant AND e.resource_type = r.resource_type
WHERE (r.tenant, r.resource_type) IN (SELECT k.tenant, k.resource_type FROM UNNEST($1::UUID[], $2::TEXT[]) AS k (tenant, resource_type))
ORDER BY r.tenant, r.resource_type
FOR UPDATE OF r
