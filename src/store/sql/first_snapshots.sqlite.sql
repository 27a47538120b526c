-- What was seen for the first time. The looks are a list in JSON: the snapshot's id, and tenantd's of the tenant, in
-- hexadecimal digits, the resource type, the digest, the body.
INSERT INTO snapshots (id, tenant, resource_type, digest, body, first_seen_at, last_seen_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, $2, $2
FROM json_each($1)
