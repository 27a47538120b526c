-- Tenants that were recorded or vanished between two moments.
SELECT t.uuid AS tenant, t.cloud, t.backend_id, t.name AS tenant_name, COALESCE(w.customer_name, '') AS customer_name, COALESCE(w.project_name, '') AS project_name,
    t.created_at, t.vanished_at
FROM tenants t
LEFT JOIN portal w ON w.tenant = t.uuid
WHERE ((t.created_at > $1 AND t.created_at <= $2) OR (t.vanished_at > $1 AND t.vanished_at <= $2))
  AND (CAST($3 AS TEXT) IS NULL OR t.cloud = $3)
  AND (CAST($4 AS TEXT) IS NULL OR $4 IN (t.domain, t.domain_name))
  AND (t.uuid = $5 OR $5 IS NULL)
