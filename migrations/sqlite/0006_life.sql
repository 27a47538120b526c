-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- Who knows of a finding, since when, why it may stay as it is, and until when; without an end, until it resolves.
ALTER TABLE findings ADD COLUMN ack_reason TEXT;
ALTER TABLE findings ADD COLUMN ack_by TEXT;
ALTER TABLE findings ADD COLUMN ack_at TEXT;
ALTER TABLE findings ADD COLUMN ack_until TEXT;
CREATE INDEX findings_acknowledged ON findings (ack_until) WHERE state = 'acknowledged';

-- What happened to a finding, step by step. A step that an observation brought has its time, its snapshot and its job;
-- one that somebody took has their name. A finding of the version before has its row alone.
CREATE TABLE life (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    finding BLOB NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    at TEXT NOT NULL,
    author TEXT,
    reason TEXT,
    lasts_until TEXT,
    before TEXT,
    after TEXT,
    observed_at TEXT,
    snapshot BLOB,
    job BLOB
);
CREATE INDEX life_by_finding ON life (finding, sequence);
