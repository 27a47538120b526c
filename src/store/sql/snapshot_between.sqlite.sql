-- The looks between a moment and each of these snapshots, in no order. The ids are a list in JSON.
SELECT e.id AS latest, s.resource_type, s.first_seen_at, s.body
FROM snapshots e
JOIN snapshots s ON s.tenant = e.tenant AND s.resource_type = e.resource_type AND s.first_seen_at > $1 AND s.first_seen_at < e.first_seen_at
WHERE e.id IN (SELECT unhex(value) FROM json_each($2))
