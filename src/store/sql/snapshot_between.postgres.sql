-- The looks between a moment and each of these snapshots, in no order.
SELECT e.id AS latest, s.resource_type, s.first_seen_at, s.body
FROM snapshots e
JOIN snapshots s ON s.tenant = e.tenant AND s.resource_type = e.resource_type AND s.first_seen_at > $1 AND s.first_seen_at < e.first_seen_at
WHERE e.id = ANY ($2)
