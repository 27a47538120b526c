-- Rows for resource types that were never tried, of tenants that are recorded; what stands for each already. The keys are
-- a list in JSON: tenantd's id in hexadecimal digits, and the resource type.
INSERT INTO resources (tenant, resource_type, last_attempt_at)
SELECT t.uuid, k.value ->> 1, $2
FROM json_each($1) k
CROSS JOIN tenants t ON t.uuid = unhex(k.value ->> 0)
WHERE true
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
