SELECT id, job, kind, tenant, reason, error, attempts, died_at, content_type, headers, body, requeued_as, digest
FROM dead_letters
WHERE (CAST($1 AS TEXT) IS NULL OR reason = $1) AND (CAST($2 AS TEXT) IS NULL OR kind = $2) AND requeued_as IS NULL
ORDER BY died_at DESC, id DESC
LIMIT $3
