UPDATE schedules SET last_success_at = $2 WHERE name = $1
