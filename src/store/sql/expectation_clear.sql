DELETE FROM expectations WHERE tenant = $1 AND resource_type = $2
