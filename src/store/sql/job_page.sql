-- Each share has an index of its own: what ended, of a tenant or of all, what waits, what runs, and the parts of one job.
WITH fitting AS (
    SELECT id, enqueued_at FROM (
        SELECT id, enqueued_at FROM jobs
        WHERE part_of = $8 AND (tenant = $4 OR $4 IS NULL)
          AND (CAST($1 AS TEXT) IS NULL OR state = $1)
          AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
          AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
          AND (enqueued_at >= $5 OR $5 IS NULL)
        ORDER BY enqueued_at DESC, id DESC
        LIMIT CAST($6 AS BIGINT) + CAST($7 AS BIGINT)
    ) parts
    UNION ALL
    SELECT id, enqueued_at FROM (
        SELECT id, enqueued_at FROM jobs
        WHERE state IN ('succeeded', 'failed', 'cancelled') AND tenant = $4
          AND (CAST($1 AS TEXT) IS NULL OR state = $1)
          AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
          AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
          AND (enqueued_at >= $5 OR $5 IS NULL)
          AND part_of IS NULL AND $8 IS NULL
        ORDER BY enqueued_at DESC, id DESC
        LIMIT CAST($6 AS BIGINT) + CAST($7 AS BIGINT)
    ) ended_of_tenant
    UNION ALL
    SELECT id, enqueued_at FROM (
        SELECT id, enqueued_at FROM jobs
        WHERE state IN ('succeeded', 'failed', 'cancelled') AND $4 IS NULL
          AND (CAST($1 AS TEXT) IS NULL OR state = $1)
          AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
          AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
          AND (enqueued_at >= $5 OR $5 IS NULL)
          AND part_of IS NULL AND $8 IS NULL
        ORDER BY enqueued_at DESC, id DESC
        LIMIT CAST($6 AS BIGINT) + CAST($7 AS BIGINT)
    ) ended
    UNION ALL
    SELECT id, enqueued_at FROM (
        SELECT id, enqueued_at FROM jobs
        WHERE state = 'queued' AND (tenant = $4 OR $4 IS NULL)
          AND (CAST($1 AS TEXT) IS NULL OR state = $1)
          AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
          AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
          AND (enqueued_at >= $5 OR $5 IS NULL)
          AND part_of IS NULL AND $8 IS NULL
        ORDER BY enqueued_at DESC, id DESC
        LIMIT CAST($6 AS BIGINT) + CAST($7 AS BIGINT)
    ) queued
    UNION ALL
    SELECT id, enqueued_at FROM (
        SELECT id, enqueued_at FROM jobs
        WHERE state = 'running' AND (tenant = $4 OR $4 IS NULL)
          AND (CAST($1 AS TEXT) IS NULL OR state = $1)
          AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
          AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
          AND (enqueued_at >= $5 OR $5 IS NULL)
          AND part_of IS NULL AND $8 IS NULL
        ORDER BY enqueued_at DESC, id DESC
        LIMIT CAST($6 AS BIGINT) + CAST($7 AS BIGINT)
    ) running
    ORDER BY enqueued_at DESC, id DESC
    LIMIT $6 OFFSET $7
)
SELECT id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of, producer, reply, cancel_asked_at, part
FROM jobs
WHERE id IN (SELECT id FROM fitting)
ORDER BY enqueued_at DESC, id DESC
