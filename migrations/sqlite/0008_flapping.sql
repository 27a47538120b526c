-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- That a finding comes and goes: since when, how often, and whether it differs at the moment.
ALTER TABLE findings ADD COLUMN flapping TEXT;
-- What happened to a tenant's findings lately is looked up by whose they are.
CREATE INDEX findings_by_tenant ON findings (tenant, resource_type, opened_at);
