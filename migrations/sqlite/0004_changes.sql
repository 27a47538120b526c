-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- Whose operation a tenant's state belongs to, what the state was before it, and how often it has changed: of two that
-- want to change a tenant at once, the second finds another version.
ALTER TABLE tenants ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN state_job BLOB;
ALTER TABLE tenants ADD COLUMN state_before TEXT;
ALTER TABLE tenants ADD COLUMN modified_at TEXT;
CREATE INDEX tenants_by_state_job ON tenants (state_job) WHERE state_job IS NOT NULL;

-- What a portal says of a tenant, and what was made for it.
ALTER TABLE tenants ADD COLUMN availability_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN default_volume_type TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN internal_network TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN external_network TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN user_name TEXT NOT NULL DEFAULT '';

-- One change of the cloud that a job makes: noted before its request leaves, and again when it is done. Until `until`
-- a request that left may still take effect.
CREATE TABLE steps (
    job BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    tenant BLOB NOT NULL,
    intended_at TEXT NOT NULL,
    until TEXT NOT NULL,
    existing TEXT NOT NULL,
    done_at TEXT,
    result TEXT,
    PRIMARY KEY (job, name)
);
CREATE INDEX steps_by_tenant ON steps (tenant) WHERE done_at IS NULL;

-- A single object that was made through tenantd, with its own state.
CREATE TABLE objects (
    uuid BLOB PRIMARY KEY,
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    backend_id TEXT,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL,
    error_message TEXT NOT NULL,
    body TEXT NOT NULL,
    job BLOB,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL
);
CREATE INDEX objects_by_tenant ON objects (tenant, resource_type);
CREATE INDEX objects_by_backend_id ON objects (tenant, resource_type, backend_id) WHERE backend_id IS NOT NULL;
CREATE INDEX objects_by_job ON objects (job) WHERE job IS NOT NULL;
