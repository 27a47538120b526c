INSERT INTO suspicions (tenant, resource_type, object, object_name, field, change, expected, observed, count, since, counted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant, resource_type, object, field) DO UPDATE
SET object_name = excluded.object_name, change = excluded.change, expected = excluded.expected, observed = excluded.observed,
    count = excluded.count, since = excluded.since, counted_at = excluded.counted_at
