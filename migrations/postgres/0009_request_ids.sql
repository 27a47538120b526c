-- Every change adds only, so that the version before runs on this schema while replicas are rolled.

-- By what the services' logs know the requests of the observation that brought a step: service, id, and when it left.
ALTER TABLE life ADD COLUMN request_ids JSONB;
