INSERT INTO unlinked (cloud, backend_id, name, author, unlinked_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (cloud, backend_id) DO UPDATE
SET name = excluded.name, author = excluded.author, unlinked_at = excluded.unlinked_at
