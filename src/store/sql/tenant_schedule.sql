-- The second of two that want to change a tenant finds it in another state.
UPDATE tenants
SET state = $4, state_job = $5, state_before = state, version = version + 1, modified_at = $6
WHERE uuid = $1 AND state IN ($2, $3)
