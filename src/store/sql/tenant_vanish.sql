UPDATE tenants SET vanished_at = $2 WHERE uuid = $1 AND vanished_at IS NULL
