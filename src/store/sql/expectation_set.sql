INSERT INTO expectations (tenant, resource_type, body, source, author, set_at, objects)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, resource_type) DO UPDATE
SET body = excluded.body, source = excluded.source, author = excluded.author, set_at = excluded.set_at, objects = excluded.objects
