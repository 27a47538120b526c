SELECT name, last_tick, last_job, last_success_at FROM schedules WHERE name = $1
