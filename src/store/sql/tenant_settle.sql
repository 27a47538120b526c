-- The end of a job is the end of its hold on a tenant's state.
UPDATE tenants
SET state = $2, error_message = $3, state_job = NULL, state_before = NULL, version = version + 1, modified_at = $4
WHERE state_job = $1
