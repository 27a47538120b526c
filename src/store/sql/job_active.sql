-- Whether a schedule's earlier jobs are still on their way.
SELECT COUNT(*) AS count FROM jobs WHERE source = $1 AND state IN ('queued', 'running')
