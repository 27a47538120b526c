UPDATE dead_letters SET requeued_as = $2 WHERE id = $1 AND requeued_as IS NULL
