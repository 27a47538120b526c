-- What an operator decides, whoever holds it.
UPDATE tenants
SET state = $2, error_message = $3, state_job = NULL, state_before = NULL, version = version + 1, modified_at = $4
WHERE uuid = $1
