-- Stores an envelope, unless a younger one is there, and gives the lease back. Behind the envelope stands when it expires, in
-- milliseconds of this server's clock, so that who reads many with one command knows how long each of them counts.
--
-- KEYS: value, lease
-- ARGV: envelope, lifetime in milliseconds, stamp of the entry that the caller found invalid or '', token of the lease or ''
-- Answer: 1 if stored
local value, lease = KEYS[1], KEYS[2]
local envelope, lifetime, observed, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- Byte by byte, as `<` on strings follows the server's locale.
local function older(one, other)
  for at = 1, 16 do
    local a, b = string.byte(one, at), string.byte(other, at)
    if a ~= b then return a < b end
  end
  return false
end

-- Anybody can write anything under these keys. What is no envelope, and what never expires, is not ours and is replaced.
local current = redis.pcall('GETRANGE', value, 0, 19)
local ours = type(current) == 'string' and #current == 20 and string.byte(current) == 0xFC and redis.call('PTTL', value) ~= -1
local stamp = ours and string.sub(current, 5)
local stored = 1
if ours and stamp ~= observed and older(string.sub(envelope, 5, 20), stamp) then
  stored = 0
else
  local now = redis.call('TIME')
  local expiry = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + lifetime)
  redis.call('SET', value, envelope .. expiry, 'PXAT', expiry)
end

if redis.call('PTTL', lease) == -1 then
  redis.call('DEL', lease)
elseif token ~= '' then
  local held = redis.pcall('GET', lease)
  if type(held) == 'string' and string.sub(held, 1, #token) == token then redis.call('DEL', lease) end
end
return stored
