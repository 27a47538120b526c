SELECT id, kind, cloud, tenant, subject, params, state, outcome, attempt, priority, source, digest, not_before, deadline, enqueued_at, started_at, finished_at, reason, error, trace, retry_of, producer, reply, cancel_asked_at, part
FROM jobs
WHERE (CAST($1 AS TEXT) IS NULL OR state = $1)
  AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
  AND (CAST($3 AS TEXT) IS NULL OR cloud = $3)
  AND (tenant = $4 OR $4 IS NULL)
  AND (enqueued_at >= $5 OR $5 IS NULL)
  AND (part_of = $7 OR ($7 IS NULL AND part_of IS NULL))
ORDER BY enqueued_at DESC, id DESC
LIMIT $6
