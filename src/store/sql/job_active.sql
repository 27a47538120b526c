-- The clouds for which a schedule's earlier jobs are still on their way; each half has an index of its own.
SELECT cloud FROM jobs WHERE source = $1 AND state = 'queued'
UNION
SELECT cloud FROM jobs WHERE source = $1 AND state = 'running'
