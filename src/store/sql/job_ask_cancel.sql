-- Who holds it ends it; the first who asked counts.
UPDATE jobs SET cancel_asked_at = COALESCE(cancel_asked_at, $2) WHERE id = $1 AND state = 'running'
