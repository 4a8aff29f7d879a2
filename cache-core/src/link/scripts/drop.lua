-- Removes a value if it is still the one that the caller saw.
--
-- KEYS: value
-- ARGV: the stamp that the caller saw
-- Answer: 1 if removed
if redis.call('GETRANGE', KEYS[1], 4, 19) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
