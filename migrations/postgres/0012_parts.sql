-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- A share of a pull of a whole cloud: what it reads of whom, and the job that it is a part of.
ALTER TABLE jobs ADD COLUMN part JSONB;
ALTER TABLE jobs ADD COLUMN part_of UUID;
CREATE INDEX jobs_parts ON jobs (part_of, state) WHERE part_of IS NOT NULL;
CREATE INDEX jobs_parts_waiting ON jobs (priority DESC, turn, not_before, id) WHERE state = 'queued' AND part_of IS NOT NULL;
