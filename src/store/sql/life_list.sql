SELECT step, at, author, reason, lasts_until, before, after, observed_at, snapshot, job, request_ids
FROM life
WHERE finding = $1
ORDER BY sequence
