SELECT id FROM jobs WHERE part_of = $1 AND state IN ('queued', 'running') ORDER BY id
