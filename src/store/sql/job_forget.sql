-- Parameters that nobody may read once the job is over.
UPDATE jobs SET params = $2 WHERE id = $1
