-- What existed before the first request stays known however often it is repeated.
INSERT INTO steps (job, name, tenant, intended_at, until, existing)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (job, name) DO UPDATE SET intended_at = excluded.intended_at, until = excluded.until
