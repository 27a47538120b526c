SELECT step, at, author, reason, lasts_until, before, after, observed_at, snapshot, job
FROM life
WHERE finding = $1
ORDER BY sequence
