-- A job whose parts are all over need not wait any longer.
UPDATE jobs SET not_before = $2
WHERE id = $1 AND state = 'queued' AND not_before > $2
  AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.part_of = $1 AND p.state IN ('queued', 'running'))
