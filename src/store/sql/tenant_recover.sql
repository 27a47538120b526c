-- Only what was in trouble when the look began, and still is for the same reason.
UPDATE tenants
SET state = 'OK', error_message = '', version = version + 1, modified_at = $3
WHERE uuid = $1 AND state = 'ERRED' AND version = $2
