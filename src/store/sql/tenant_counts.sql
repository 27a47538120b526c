SELECT cloud, COUNT(*) - COUNT(vanished_at) AS present, COUNT(vanished_at) AS vanished
FROM tenants
GROUP BY cloud
