-- A discovery may have seen a project before the job that made it could write that down.
DELETE FROM tenants WHERE cloud = $1 AND backend_id = $2 AND uuid <> $3
