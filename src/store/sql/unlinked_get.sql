SELECT cloud, backend_id, name, author, unlinked_at FROM unlinked WHERE cloud = $1 AND backend_id = $2
