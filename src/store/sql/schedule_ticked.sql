INSERT INTO schedules (name, last_tick, last_job)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET last_tick = excluded.last_tick, last_job = excluded.last_job
WHERE schedules.last_tick < excluded.last_tick
