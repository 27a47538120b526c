SELECT MIN(not_before) AS at FROM jobs WHERE state = 'queued'
