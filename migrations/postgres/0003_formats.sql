-- The headers of a message that is no job: without them a task of Celery or a binary CloudEvent is only its body.
ALTER TABLE dead_letters ADD COLUMN headers JSONB;
