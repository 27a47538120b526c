INSERT INTO announcements (id, tenant, resource_type, changes, author, announced_at, settles_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING
