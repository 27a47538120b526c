SELECT id, job, kind, tenant, reason, error, attempts, died_at, content_type, headers, body, requeued_as, digest
FROM dead_letters
WHERE (CAST($1 AS TEXT) IS NULL OR reason = $1)
  AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
  AND (CAST($3 AS TEXT) IS NULL OR tenant IN ($3, $4, $5, $6, $7))
  AND (died_at >= $8 OR $8 IS NULL)
  AND (died_at < $9 OR $9 IS NULL)
  AND (CAST($10 AS BIGINT) = 1 OR requeued_as IS NULL)
ORDER BY died_at DESC, id DESC
LIMIT $11
