-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- Who said so of single objects, where it was not who said so of the whole.
ALTER TABLE expectations ADD COLUMN objects TEXT NOT NULL DEFAULT '{}';

-- What somebody changes with credentials of their own. Until it settles, what was expected before counts too.
CREATE TABLE announcements (
    id BLOB PRIMARY KEY,
    tenant BLOB NOT NULL REFERENCES tenants (uuid) ON DELETE CASCADE,
    resource_type TEXT NOT NULL,
    changes TEXT NOT NULL,
    author TEXT NOT NULL,
    announced_at TEXT NOT NULL,
    settles_at TEXT NOT NULL
);
CREATE INDEX announcements_by_tenant ON announcements (tenant, resource_type, announced_at);

-- What a project is called by: its tags, and the name of its domain where the cloud tells it.
ALTER TABLE tenants ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tenants ADD COLUMN domain_name TEXT NOT NULL DEFAULT '';
