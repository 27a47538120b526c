SELECT id, tenant, resource_type, changes, author, announced_at, settles_at
FROM announcements
WHERE tenant = $1 AND resource_type = $2
ORDER BY announced_at, id
