SELECT (
    SELECT COUNT(*) FROM snapshots s
    WHERE s.tenant = $2
      AND (CAST($1 AS TEXT) IS NULL OR s.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
      AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
) + (
    SELECT COUNT(*) FROM snapshots s
    WHERE $2 IS NULL AND CAST($1 AS TEXT) IS NULL
      AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
) + (
    SELECT COUNT(*) FROM tenants t
    JOIN snapshots s ON s.tenant = t.uuid
    WHERE $2 IS NULL AND t.cloud = $1
      AND (CAST($3 AS TEXT) IS NULL OR s.resource_type = $3)
) AS count
