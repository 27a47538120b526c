-- Whose ids end so; more than two are as good as two.
SELECT id FROM snapshots WHERE hex(id) LIKE '%' || $1 LIMIT 2
