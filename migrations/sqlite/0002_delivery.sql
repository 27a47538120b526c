-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- Waiting jobs of one lane (cloud and tenant) take turns with those of the others.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_turns ON jobs (priority DESC, turn, not_before, id) WHERE state = 'queued';
CREATE INDEX jobs_lanes ON jobs (lane, priority, turn) WHERE state = 'queued';
-- Who asked, as the broker validated it; where the result goes, and in which format.
ALTER TABLE jobs ADD COLUMN producer TEXT;
ALTER TABLE jobs ADD COLUMN reply TEXT;
-- Someone wants a running job to end.
ALTER TABLE jobs ADD COLUMN cancel_asked_at TEXT;

-- What was found in order: snapshot, expectation and rules, as a digest. The same again needs no judgement.
ALTER TABLE resources ADD COLUMN settled TEXT;
-- When the last answer of the newest applied observation had arrived.
ALTER TABLE resources ADD COLUMN answered_at TEXT;

-- The digest of a message that is no job: delivered twice, it is one dead letter.
ALTER TABLE dead_letters ADD COLUMN digest TEXT;
CREATE INDEX dead_letters_by_digest ON dead_letters (digest);

-- Projects that somebody took out of the records: discovery leaves them alone until somebody adds them again.
CREATE TABLE unlinked (
    cloud TEXT NOT NULL,
    backend_id TEXT NOT NULL,
    name TEXT NOT NULL,
    author TEXT NOT NULL,
    unlinked_at TEXT NOT NULL,
    PRIMARY KEY (cloud, backend_id)
);
-- Old snapshots are found by when they began: that moment never changes, so looks that saw nothing new touch no index.
CREATE INDEX snapshots_by_time ON snapshots (first_seen_at);
