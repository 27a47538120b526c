SELECT COUNT(*) AS count FROM outbox
