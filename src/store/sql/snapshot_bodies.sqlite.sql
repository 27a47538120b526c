-- The ids are a list in JSON.
SELECT id, body FROM snapshots WHERE id IN (SELECT unhex(value) FROM json_each($1))
