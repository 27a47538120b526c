SELECT cloud, backend_id, name, author, unlinked_at
FROM unlinked
WHERE CAST($1 AS TEXT) IS NULL OR cloud = $1
ORDER BY cloud, name, backend_id
