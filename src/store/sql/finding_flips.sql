SELECT f.object, f.field, COUNT(*) AS flips, MIN(l.at) AS since
FROM findings f
JOIN life l ON l.finding = f.id
WHERE f.tenant = $1 AND f.resource_type = $2 AND (f.resolved_at IS NULL OR f.resolved_at > $3)
  AND l.at > $3 AND l.step IN ('opened', 'changed', 'resolved')
GROUP BY f.object, f.field
HAVING COUNT(*) >= $4
