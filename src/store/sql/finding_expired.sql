-- In the order in which the transactions that record observations take hold of resource types.
SELECT id, tenant, resource_type
FROM (
    SELECT id, tenant, resource_type
    FROM findings
    WHERE state = 'acknowledged' AND ack_until <= $1
    ORDER BY ack_until, id
    LIMIT $2
) expired
ORDER BY tenant, resource_type, id
