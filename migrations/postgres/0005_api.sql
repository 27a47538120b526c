-- Who may use the API. Of a token only a digest of its secret half is kept.
CREATE TABLE tokens (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    verifier TEXT NOT NULL,
    -- Seconds without use after which it ends; none: never.
    lifetime BIGINT,
    expires_at TIMESTAMPTZ,
    author TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX tokens_usable ON tokens (name) WHERE revoked_at IS NULL;

-- What a portal says of a tenant: whose it is, and what was sold. Ids are the portal's.
CREATE TABLE portal (
    tenant UUID PRIMARY KEY REFERENCES tenants (uuid) ON DELETE CASCADE,
    service_settings UUID,
    service_settings_name TEXT NOT NULL DEFAULT '',
    customer UUID,
    customer_name TEXT NOT NULL DEFAULT '',
    customer_native_name TEXT NOT NULL DEFAULT '',
    customer_abbreviation TEXT NOT NULL DEFAULT '',
    project UUID,
    project_name TEXT NOT NULL DEFAULT '',
    marketplace JSONB NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL
);
