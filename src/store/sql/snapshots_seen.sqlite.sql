-- The ids are a list in JSON.
UPDATE snapshots SET last_seen_at = $2 WHERE id IN (SELECT unhex(value) FROM json_each($1))
