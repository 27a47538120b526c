UPDATE resources SET settled = NULL WHERE tenant = $1 AND resource_type = $2
