-- Whose ids end so; more than two are as good as two.
SELECT id FROM dead_letters WHERE REPLACE(CAST(id AS TEXT), '-', '') LIKE '%' || $1 LIMIT 2
