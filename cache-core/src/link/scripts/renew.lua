-- Renews a lease, if it is still the caller's.
--
-- KEYS: lease
-- ARGV: the caller's token, lifetime in milliseconds
-- Answer: 1 if it was
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], held, 'PX', ARGV[2])
return 1
