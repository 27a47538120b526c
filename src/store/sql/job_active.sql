-- The clouds for which a schedule's earlier jobs are still on their way.
SELECT DISTINCT cloud FROM jobs WHERE source = $1 AND state IN ('queued', 'running')
