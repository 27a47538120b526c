-- Until when requests for a tenant that left and were not answered may still take effect.
SELECT MAX(until) FROM steps WHERE tenant = $1 AND done_at IS NULL
