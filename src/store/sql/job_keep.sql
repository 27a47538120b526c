-- Keeps others from changing a job that waits until the end of this transaction.
UPDATE jobs SET not_before = not_before WHERE id = $1 AND state = 'queued'
