-- Gives a lease back, if it is still the caller's.
--
-- KEYS: lease
-- ARGV: the caller's token
-- Answer: 1 if it was
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
