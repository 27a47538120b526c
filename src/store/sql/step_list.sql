SELECT name, intended_at, until, existing, done_at, result FROM steps WHERE job = $1 ORDER BY name
