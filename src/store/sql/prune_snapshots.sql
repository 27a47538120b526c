-- The newest of each resource type stays, however old it is.
DELETE FROM snapshots
WHERE id IN (
    SELECT s.id FROM snapshots s
    WHERE s.first_seen_at < $1 AND s.last_seen_at < $1
      AND NOT EXISTS (
        SELECT 1 FROM resources r
        WHERE r.tenant = s.tenant AND r.resource_type = s.resource_type AND r.snapshot = s.id
      )
    ORDER BY s.first_seen_at, s.id
    LIMIT $2
)
