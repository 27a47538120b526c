SELECT COUNT(*) AS count FROM dead_letters WHERE requeued_as IS NULL
