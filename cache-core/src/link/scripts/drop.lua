-- Removes values that are older than an invalidation: it was said on its way to the log, and others may have stored anew since.
--
-- KEYS: values
-- ARGV: the position of the invalidation, as a stamp
-- Answer: how many were removed
local position = ARGV[1]

-- Byte by byte, as `<` on strings follows the server's locale.
local function older(one, other)
  for at = 1, 16 do
    local a, b = string.byte(one, at), string.byte(other, at)
    if a ~= b then return a < b end
  end
  return false
end

local removed = 0
for _, value in ipairs(KEYS) do
  local stamp = redis.pcall('GETRANGE', value, 4, 19)
  if type(stamp) == 'string' and #stamp == 16 and older(stamp, position) then
    removed = removed + redis.call('UNLINK', value)
  end
end
return removed
