-- Takes over the lease of a leader whose computation is dead already.
--
-- KEYS: lease
-- ARGV: the lease as the caller saw it, the caller's token, its stamp, lifetime in milliseconds
-- Answer: 1 if the caller has the lease now
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2] .. ARGV[3], 'PX', ARGV[4])
return 1
