-- What is open or acknowledged stays, however old it is.
DELETE FROM findings
WHERE id IN (
    SELECT id FROM findings
    WHERE opened_at < $1 AND resolved_at < $1 AND state IN ('resolved', 'accepted')
    ORDER BY opened_at, id
    LIMIT $2
)
