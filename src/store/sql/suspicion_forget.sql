DELETE FROM suspicions WHERE tenant = $1 AND resource_type = $2 AND object = $3 AND field = $4
