SELECT (
    SELECT COUNT(*) FROM jobs
    WHERE part_of = $6 AND (tenant = $4 OR $4 IS NULL)
      AND (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
      AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
      AND (enqueued_at >= $5 OR $5 IS NULL)
) + (
    SELECT COUNT(*) FROM jobs
    WHERE state IN ('succeeded', 'failed', 'cancelled') AND tenant = $4
      AND (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
      AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
      AND (enqueued_at >= $5 OR $5 IS NULL)
      AND part_of IS NULL AND $6 IS NULL
) + (
    SELECT COUNT(*) FROM jobs
    WHERE state IN ('succeeded', 'failed', 'cancelled') AND $4 IS NULL
      AND (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
      AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
      AND (enqueued_at >= $5 OR $5 IS NULL)
      AND part_of IS NULL AND $6 IS NULL
) + (
    SELECT COUNT(*) FROM jobs
    WHERE state = 'queued' AND (tenant = $4 OR $4 IS NULL)
      AND (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
      AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
      AND (enqueued_at >= $5 OR $5 IS NULL)
      AND part_of IS NULL AND $6 IS NULL
) + (
    SELECT COUNT(*) FROM jobs
    WHERE state = 'running' AND (tenant = $4 OR $4 IS NULL)
      AND (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
      AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
      AND (enqueued_at >= $5 OR $5 IS NULL)
      AND part_of IS NULL AND $6 IS NULL
) AS count
