-- Rows for resource types that were never tried, of tenants that are recorded, made in one order everywhere; what stands for
-- each already.
INSERT INTO resources (tenant, resource_type, last_attempt_at)
SELECT t.uuid, k.resource_type, $3::TIMESTAMPTZ
FROM UNNEST($1::UUID[], $2::TEXT[]) AS k (tenant, resource_type)
JOIN tenants t ON t.uuid = k.tenant
ORDER BY t.uuid, k.resource_type
ON CONFLICT (tenant, resource_type) DO NOTHING
RETURNING tenant, resource_type,
    EXISTS (SELECT 1 FROM tenants t WHERE t.uuid = resources.tenant AND t.state_job IS NOT NULL) AS changing,
    -- One by one: there may be very many.
    COALESCE(
        (SELECT true FROM expectations e WHERE e.tenant = resources.tenant AND e.resource_type = resources.resource_type LIMIT 1),
        (SELECT true FROM announcements a WHERE a.tenant = resources.tenant AND a.resource_type = resources.resource_type LIMIT 1),
        (SELECT true FROM suspicions s WHERE s.tenant = resources.tenant AND s.resource_type = resources.resource_type LIMIT 1),
        (SELECT true FROM findings f WHERE f.tenant = resources.tenant AND f.resource_type = resources.resource_type AND f.state IN ('open', 'acknowledged') LIMIT 1),
        false
    ) AS foretold
