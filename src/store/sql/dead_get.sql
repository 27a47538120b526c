SELECT id, job, kind, tenant, reason, error, attempts, died_at, content_type, headers, body, requeued_as, digest
FROM dead_letters
WHERE id = $1
