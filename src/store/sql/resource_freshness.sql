-- How old what is known of each tenant of a cloud is, over the resource types whose names are in $2, between commas.
SELECT t.uuid AS tenant, t.backend_id, COUNT(r.tenant) AS tried, COUNT(r.last_success_at) AS seen,
    MIN(r.last_success_at) AS oldest,
    MIN(CASE WHEN r.last_success_at >= r.last_attempt_at THEN r.last_success_at END) AS succeeded_at,
    MIN(CASE WHEN r.last_success_at >= r.last_attempt_at THEN NULL ELSE r.last_attempt_at END) AS failed_at,
    MAX(s.first_seen_at) AS changed_at,
    EXISTS (SELECT 1 FROM suspicions d WHERE d.tenant = t.uuid AND $2 LIKE '%,' || d.resource_type || ',%') AS suspected
FROM tenants t
LEFT JOIN resources r ON r.tenant = t.uuid AND $2 LIKE '%,' || r.resource_type || ',%'
LEFT JOIN snapshots s ON s.id = r.snapshot
WHERE t.cloud = $1 AND t.enabled AND t.vanished_at IS NULL
GROUP BY t.uuid
ORDER BY t.uuid
