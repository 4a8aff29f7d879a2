-- Gives a lease back whose computation has nothing for others: for a while nobody waits for one. Whoever computes then renews that.
--
-- KEYS: lease
-- ARGV: the caller's token, what says so, for how many milliseconds
-- Answer: 1 unless somebody else has the lease
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[2] and string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
