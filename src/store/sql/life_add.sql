INSERT INTO life (finding, step, at, author, reason, lasts_until, before, after, observed_at, snapshot, job, request_ids)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
