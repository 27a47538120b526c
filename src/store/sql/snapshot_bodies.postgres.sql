SELECT id, body FROM snapshots WHERE id = ANY ($1)
