-- A job that ends before any of its changes was asked for leaves the tenant as it was; what was begun is an error.
UPDATE tenants
SET state = CASE WHEN EXISTS (SELECT 1 FROM steps WHERE steps.job = $1) THEN 'ERRED' ELSE COALESCE(state_before, 'ERRED') END,
    error_message = CASE
        WHEN EXISTS (SELECT 1 FROM steps WHERE steps.job = $1) THEN $2
        WHEN error_message <> '' THEN error_message
        WHEN state_before = 'OK' THEN ''
        ELSE $2 END,
    state_job = NULL, state_before = NULL, version = version + 1, modified_at = $3
WHERE state_job = $1
