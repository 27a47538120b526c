-- Its request certainly took no effect.
DELETE FROM steps WHERE job = $1 AND name = $2 AND done_at IS NULL
