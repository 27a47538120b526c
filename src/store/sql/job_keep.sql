-- Keeps others from changing a job that is not over until the end of this transaction: also one that runs and may go
-- back to wait just now.
UPDATE jobs SET not_before = not_before WHERE id = $1 AND state IN ('queued', 'running')
