-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- Waiting jobs of one lane (cloud and tenant) take turns with those of the others.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_turns ON jobs (priority DESC, turn, not_before, id) WHERE state = 'queued';
CREATE INDEX jobs_lanes ON jobs (lane, priority, turn) WHERE state = 'queued';
-- Who asked, as the broker validated it; where the result goes, and in which format.
ALTER TABLE jobs ADD COLUMN producer TEXT;
ALTER TABLE jobs ADD COLUMN reply JSONB;
-- Someone wants a running job to end.
ALTER TABLE jobs ADD COLUMN cancel_asked_at TIMESTAMPTZ;

-- What was found in order: snapshot, expectation and rules, as a digest. The same again needs no judgement.
ALTER TABLE resources ADD COLUMN settled TEXT;

-- The digest of a message that is no job: delivered twice, it is one dead letter.
ALTER TABLE dead_letters ADD COLUMN digest TEXT;
CREATE INDEX dead_letters_by_digest ON dead_letters (digest);
