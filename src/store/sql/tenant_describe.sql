-- What a portal says of a tenant, and what was made for it; nothing in place of a value leaves it as it is.
UPDATE tenants
SET availability_zone = COALESCE($2, availability_zone), default_volume_type = COALESCE($3, default_volume_type),
    internal_network = COALESCE($4, internal_network), external_network = COALESCE($5, external_network),
    user_name = COALESCE($6, user_name), modified_at = $7
WHERE uuid = $1
