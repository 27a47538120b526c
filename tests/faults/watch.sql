-- Writes down every committed change that the rules of the checker are about, beside the daemon's own tables. Changes of
-- one row are numbered in the order in which they were committed, for each waits for the lock of the one before.
CREATE SCHEMA watch;
CREATE TABLE watch.log (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL DEFAULT EXTRACT(EPOCH FROM clock_timestamp()),
    what TEXT NOT NULL,
    key TEXT NOT NULL,
    was JSONB,
    became JSONB
);

CREATE FUNCTION watch.job(it public.jobs) RETURNS JSONB LANGUAGE sql AS $$
    SELECT jsonb_build_object('state', it.state, 'outcome', it.outcome, 'attempt', it.attempt, 'owner', it.lease_owner)
$$;
CREATE FUNCTION watch.jobs() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO watch.log (what, key, was) VALUES ('job', OLD.id::text, watch.job(OLD));
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO watch.log (what, key, became) VALUES ('job', NEW.id::text, watch.job(NEW));
    ELSE
        INSERT INTO watch.log (what, key, was, became) VALUES ('job', NEW.id::text, watch.job(OLD), watch.job(NEW));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON public.jobs FOR EACH ROW EXECUTE FUNCTION watch.jobs();

CREATE FUNCTION watch.resources() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.log (what, key, was, became) VALUES ('resource', NEW.tenant || ' ' || NEW.resource_type,
        jsonb_build_object('observed_at', EXTRACT(EPOCH FROM OLD.observed_at), 'snapshot', OLD.snapshot),
        jsonb_build_object('observed_at', EXTRACT(EPOCH FROM NEW.observed_at), 'snapshot', NEW.snapshot));
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON public.resources FOR EACH ROW
    WHEN (OLD.observed_at IS DISTINCT FROM NEW.observed_at OR OLD.snapshot IS DISTINCT FROM NEW.snapshot)
    EXECUTE FUNCTION watch.resources();

CREATE FUNCTION watch.outbox() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.log (what, key, became) VALUES ('outgoing', NEW.id::text,
        jsonb_build_object('exchange', NEW.exchange, 'routing_key', NEW.routing_key));
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION watch.outbox();

CREATE FUNCTION watch.leases() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.log (what, key, became) VALUES ('lease', NEW.name,
        jsonb_build_object('owner', NEW.owner, 'until', EXTRACT(EPOCH FROM NEW.expires_at)));
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON public.leases FOR EACH ROW EXECUTE FUNCTION watch.leases();
