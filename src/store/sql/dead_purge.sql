DELETE FROM dead_letters WHERE (CAST($1 AS TEXT) IS NULL OR reason = $1) AND died_at < $2
