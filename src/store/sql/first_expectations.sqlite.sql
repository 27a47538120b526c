-- What was seen for the first time is expected, unless somebody said otherwise meanwhile. The looks are a list in JSON:
-- tenantd's id of the tenant in hexadecimal digits, the resource type, the body.
INSERT INTO expectations (tenant, resource_type, body, source, author, set_at, objects)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, $2, $3, $4, '{}'
FROM json_each($1)
WHERE true
ON CONFLICT (tenant, resource_type) DO NOTHING
