SELECT tenant, customer_name, project_name
FROM portal
