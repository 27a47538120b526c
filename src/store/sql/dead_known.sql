-- Whether the same message died before, not long ago.
SELECT COUNT(*) AS count FROM dead_letters WHERE digest = $1 AND died_at >= $2
