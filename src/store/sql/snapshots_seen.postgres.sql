UPDATE snapshots SET last_seen_at = $2 WHERE id = ANY ($1)
