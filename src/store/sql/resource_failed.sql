UPDATE resources
SET failures = failures + 1, error_reason = $3, error = $4
WHERE tenant = $1 AND resource_type = $2
