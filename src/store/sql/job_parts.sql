-- How far the parts of a job are; the first of the reasons why some did not do all.
SELECT state, outcome, COUNT(*) AS count, MIN(error) AS error
FROM jobs
WHERE part_of = $1
GROUP BY state, outcome
ORDER BY state, outcome
