-- Everything that is recorded of it goes with it.
DELETE FROM tenants WHERE uuid = $1
