-- The project of a tenant that was asked for.
UPDATE tenants SET backend_id = $2, domain = $3, enabled = TRUE, vanished_at = NULL, modified_at = $4 WHERE uuid = $1
