-- Appends a record, or none, and answers with what the caller has not applied yet.
--
-- KEYS: log, meta
-- ARGV: applied "generation-sequence", how many records to answer with, candidate for a new generation, length of the log
--       [, kind, matchers, source, origin]
-- Answer: the first record, the position of the last, the records after `applied`
local log, meta = KEYS[1], KEYS[2]
local applied, count, candidate, length = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local kind = ARGV[5]

local function split(id)
  local generation, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(generation), tonumber(sequence)
end

-- The keys are the cache's, and anybody can write anything under them. It is for whoever did to remove it.
local function foreign(key)
  return redis.error_reply('WRONGTYPE ' .. key .. ' is not what the cache keeps there: remove it')
end

-- Which server this is, and which life of it. A connection outlives a promotion, so that it is asked at every call. Where it may not be
-- asked, there is no log: a promotion that nobody notices would bring back what was invalidated.
local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then info = '' end
-- A replica may lag behind without end: to be up to date with it means nothing.
if string.find(info, 'role:slave', 1, true) then
  return redis.error_reply('READONLY this server is a replica, and the log is at its primary')
end
local incarnation = string.match(info, 'master_replid:(%w+)')
if not incarnation then
  return redis.error_reply('NOPERM the user of the cache must be allowed INFO: without it a failover could not be told')
end
local known = redis.pcall('HMGET', meta, 'inc', 'gen')
if known.err then return foreign(meta) end
local newest = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)
if newest.err then return foreign(log) end
local last = newest[1] and newest[1][1]
local applied_generation, applied_sequence = split(applied)
local last_generation, last_sequence = 0, 0
if last then last_generation, last_sequence = split(last) end
-- Greater ones are not exact here, and nothing could follow them.
if math.max(last_generation, last_sequence) >= 2^53 then return foreign(log) end
local known_generation = tonumber(known[2]) or 0
if not (known_generation < 2^53) then known_generation = 0 end

-- The last record that a new generation shares with the one before it; nil while none is needed.
local ancestor
if not last or applied_generation > last_generation then
  -- The log is new, lost or evicted, or the caller has seen a later generation than this server: nothing is known to be shared.
  ancestor = ''
elseif applied_generation == last_generation and applied_sequence > last_sequence then
  -- The caller has seen records that this server lost.
  ancestor = last
elseif known[1] ~= incarnation or not known[2] then
  -- Another server wrote the log, or nobody knows who did.
  ancestor = last
end

if ancestor then
  local generation = math.max(candidate, applied_generation + 1, last_generation + 1, known_generation + 1)
  last_generation = generation
  local text = string.format('%.0f', generation)
  redis.call('XADD', log, text .. '-0', 't', 'o', 'm', '', 's', '', 'o', ancestor)
  redis.call('HSET', meta, 'inc', incarnation, 'gen', text)
end

if kind then
  redis.call('XADD', log, 'MAXLEN', '~', length, string.format('%.0f-*', last_generation),
    't', kind, 'm', ARGV[6], 's', ARGV[7], 'o', ARGV[8])
end

return {
  redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1],
  redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1][1],
  redis.call('XRANGE', log, '(' .. applied, '+', 'COUNT', count),
}
