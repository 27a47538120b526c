-- Every resource type of every tenant, in the order in which they lie in the table: another would look each up. Rows of
-- the answer cost more than what is in them, so each has many: one in a line, its columns between bars, and the reason,
-- if there is one, last. No column has a line break: reasons are words of the code.
WITH RECURSIVE pieces (first) AS (
    SELECT 0
    UNION ALL
    SELECT first + 256 FROM pieces WHERE first + 256 <= (SELECT MAX(rowid) FROM resources)
)
SELECT (
    SELECT GROUP_CONCAT(HEX(tenant) || '|' || resource_type || '|' || COALESCE(last_success_at, '') || '|'
        || HEX(snapshot) || COALESCE('|' || error_reason, ''), CHAR(10))
    FROM resources
    WHERE rowid >= first AND rowid < first + 256
) AS lines
FROM pieces
