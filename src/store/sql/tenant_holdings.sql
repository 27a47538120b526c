SELECT (SELECT COUNT(*) FROM snapshots WHERE tenant = $1) AS snapshots,
    (SELECT COUNT(*) FROM findings WHERE tenant = $1) AS findings,
    (SELECT COUNT(*) FROM expectations WHERE tenant = $1) AS expectations
