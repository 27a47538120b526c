SELECT id, tenant, resource_type, changes, author, announced_at, settles_at
FROM announcements
WHERE tenant = $1
ORDER BY announced_at, id
