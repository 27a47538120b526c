SELECT (
    SELECT COUNT(*) FROM findings f
    WHERE f.tenant = $2
      AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
      AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
      AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
      AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
      AND (f.opened_at >= $6 OR $6 IS NULL)
      AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
      AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
) + (
    SELECT COUNT(*) FROM findings f
    WHERE f.state IN ('open', 'acknowledged') AND $2 IS NULL AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,open,%' OR CAST($5 AS TEXT) LIKE '%,acknowledged,%')
      AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
      AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
      AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
      AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
      AND (f.opened_at >= $6 OR $6 IS NULL)
      AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
      AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
) + (
    SELECT COUNT(*) FROM findings f
    WHERE f.state IN ('resolved', 'accepted') AND $2 IS NULL AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,resolved,%' OR CAST($5 AS TEXT) LIKE '%,accepted,%')
      AND (CAST($1 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE cloud = $1))
      AND (CAST($3 AS TEXT) IS NULL OR f.resource_type = $3)
      AND (CAST($4 AS TEXT) IS NULL OR f.severity = $4)
      AND (CAST($5 AS TEXT) IS NULL OR CAST($5 AS TEXT) LIKE '%,' || f.state || ',%')
      AND (f.opened_at >= $6 OR $6 IS NULL)
      AND (CAST($7 AS TEXT) IS NULL OR f.field = $7)
      AND (CAST($8 AS TEXT) IS NULL OR f.tenant IN (SELECT uuid FROM tenants WHERE $8 IN (domain, domain_name)))
) AS count
