-- Times are UTC; ids are UUIDs; what an object looks like is JSON.

-- One OpenStack project that is looked after. A project that disappears is marked, never dropped.
CREATE TABLE tenants (
    uuid BLOB PRIMARY KEY,
    cloud TEXT NOT NULL,
    backend_id TEXT NOT NULL,
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_at TEXT NOT NULL,
    vanished_at TEXT,
    UNIQUE (cloud, backend_id)
);
CREATE INDEX tenants_by_backend_id ON tenants (backend_id);

-- A stored observation. An unchanged one only moves last_seen_at.
CREATE TABLE snapshots (
    id BLOB PRIMARY KEY,
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
);
CREATE INDEX snapshots_by_tenant ON snapshots (tenant, resource_type, first_seen_at);

-- What is known of one resource type of one tenant, and what the last attempt said.
CREATE TABLE resources (
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    snapshot BLOB,
    observed_at TEXT,
    last_success_at TEXT,
    last_attempt_at TEXT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    error_reason TEXT,
    error TEXT,
    PRIMARY KEY (tenant, resource_type)
);

-- What a tenant's resource type should look like, and who said so.
CREATE TABLE expectations (
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    body TEXT NOT NULL,
    source TEXT NOT NULL,
    author TEXT NOT NULL,
    set_at TEXT NOT NULL,
    PRIMARY KEY (tenant, resource_type)
);

-- A lasting difference between expectation and observation.
CREATE TABLE findings (
    id BLOB PRIMARY KEY,
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    object TEXT NOT NULL,
    object_name TEXT NOT NULL,
    field TEXT NOT NULL,
    change TEXT NOT NULL,
    expected TEXT NOT NULL,
    observed TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    resolved_at TEXT
);
CREATE UNIQUE INDEX findings_standing ON findings (tenant, resource_type, object, field)
    WHERE state IN ('open', 'acknowledged');
CREATE INDEX findings_by_time ON findings (opened_at);

-- A difference that was seen, but not often enough to be a finding.
CREATE TABLE suspicions (
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    object TEXT NOT NULL,
    object_name TEXT NOT NULL,
    field TEXT NOT NULL,
    change TEXT NOT NULL,
    expected TEXT NOT NULL,
    observed TEXT NOT NULL,
    count BIGINT NOT NULL,
    since TEXT NOT NULL,
    counted_at TEXT NOT NULL,
    PRIMARY KEY (tenant, resource_type, object, field)
);

-- One unit of work: waiting, running, or ended.
CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    cloud TEXT,
    tenant BLOB,
    subject TEXT,
    params TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    attempt BIGINT NOT NULL DEFAULT 0,
    priority BIGINT NOT NULL DEFAULT 0,
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    not_before TEXT NOT NULL,
    deadline TEXT,
    enqueued_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    reason TEXT,
    error TEXT,
    trace TEXT,
    retry_of BLOB,
    lease_owner TEXT,
    lease_until TEXT
);
CREATE INDEX jobs_waiting ON jobs (priority, not_before) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_by_time ON jobs (enqueued_at);

-- What nobody could do; the mirror of the broker's queue of the same name.
CREATE TABLE dead_letters (
    id BLOB PRIMARY KEY,
    job BLOB,
    kind TEXT,
    tenant TEXT,
    reason TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    died_at TEXT NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,
    requeued_as BLOB
);
CREATE INDEX dead_letters_by_time ON dead_letters (died_at);

-- What is still to be published.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at TEXT NOT NULL
);

-- Where each schedule stands.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    last_tick TEXT NOT NULL,
    last_job BLOB,
    last_success_at TEXT
);

-- Who does what only one may do. The token grows with each new owner.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token BIGINT NOT NULL,
    expires_at TEXT NOT NULL
);
