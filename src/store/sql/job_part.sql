-- Makes a job that was just put there a part of another.
UPDATE jobs SET part = $2, part_of = $3 WHERE id = $1
