-- For which clouds and tenants a schedule's earlier jobs are still on their way; each half has an index of its own.
SELECT cloud, subject FROM jobs WHERE source = $1 AND state = 'queued'
UNION
SELECT cloud, subject FROM jobs WHERE source = $1 AND state = 'running'
