-- Stores an envelope, unless a younger one is there, and gives the lease back. Behind the envelope stands until when it is fresh, in
-- milliseconds of this server's clock, so that who reads many with one command knows how long each of them counts.
--
-- KEYS: value, lease
-- ARGV: envelope, lifetime in milliseconds (negative if it ended so long ago), stamp of the entry that the caller found invalid or '',
--       token of the lease or '', milliseconds that it stays when it is no longer fresh, '1' if it takes the place of nothing fresh
-- Answer: 1 if stored
local value, lease = KEYS[1], KEYS[2]
local envelope, lifetime, observed, token, grace, yields = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

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
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = now + lifetime
-- What is no longer fresh is there to fall back on, and in nobody's way, but for what is late and older.
local function in_the_way()
  local new = string.sub(envelope, 5, 20)
  local ends = tonumber(redis.call('GETRANGE', value, -13, -1)) or 0
  if ends > now then return yields == '1' or older(new, stamp) end
  return expiry <= now and (older(new, stamp) or ends > expiry and not older(stamp, new))
end
if ours and stamp ~= observed and in_the_way() then
  stored = 0
else
  redis.call('SET', value, envelope .. string.format('%.0f', expiry), 'PXAT', string.format('%.0f', expiry + grace))
end

if redis.call('PTTL', lease) == -1 then
  redis.call('DEL', lease)
elseif token ~= '' then
  local held = redis.pcall('GET', lease)
  local holder = type(held) == 'string' and string.sub(held, 1, #token)
  -- Nobody's, too: there is something for others now.
  if holder == token or holder == string.rep('\0', #token) then redis.call('DEL', lease) end
end
return stored
