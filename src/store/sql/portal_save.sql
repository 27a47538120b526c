INSERT INTO portal (tenant, service_settings, service_settings_name, customer, customer_name, customer_native_name, customer_abbreviation, project, project_name, marketplace, imported_at)
SELECT uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM tenants WHERE uuid = $1
ON CONFLICT (tenant) DO UPDATE
SET service_settings = excluded.service_settings, service_settings_name = excluded.service_settings_name,
    customer = excluded.customer, customer_name = excluded.customer_name,
    customer_native_name = excluded.customer_native_name, customer_abbreviation = excluded.customer_abbreviation,
    project = excluded.project, project_name = excluded.project_name, marketplace = excluded.marketplace,
    imported_at = excluded.imported_at
