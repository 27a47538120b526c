SELECT cloud, kind, COUNT(*) AS count, MIN(not_before) AS oldest
FROM jobs
WHERE state = 'queued'
GROUP BY cloud, kind
ORDER BY cloud, kind
