-- Whether any of them was ever tried.
SELECT EXISTS (
    SELECT 1 FROM UNNEST($1::UUID[], $2::TEXT[]) AS k (tenant, resource_type)
    JOIN resources r ON r.tenant = k.tenant AND r.resource_type = k.resource_type
)
