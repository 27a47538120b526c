DELETE FROM unlinked WHERE cloud = $1 AND backend_id = $2
