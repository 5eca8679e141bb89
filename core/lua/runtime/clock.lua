-- clock.lua — legal clocks of one instance of a journey: what an event, an instant or its end does to them.
-- Flow:   core/lua/journey_bind.c runs it before journey.lua, whose fold calls prepare, event, expire and
--         close; what is due by itself comes from next.
-- Pure:   as journey.lua.
-- State:  s.clocks[id], kept with the instance: begun, due, late, stopped; paused (since), reason; lost:
--         what pauses took, in the duration's own unit; extensions, pauses, refused: lists.
-- Days are counted as the calendar does (base/calendar.h), anew from the start with what pauses took and
-- extensions gave, so that nothing is rolled forward twice.
local host = ...
local next, type = next, type
local due, lost, day = host.clock_due, host.clock_lost, host.clock_day
local NEVER <const> = math.maxinteger -- sorts last
local ORDER <const> = { "start", "resume", "pause", "extend", "stop" }

-- What of each clock an event type sets in motion.
local function prepare(d)
  for _, c in next, d.clocks or {} do
    c.of = {}
    for _, what in next, ORDER do
      for _, way in next, c[what] or {} do
        c.of[way.type] = c.of[way.type] or {}
        c.of[way.type][what] = way
      end
    end
  end
end

local function runs(k) return k.due and not (k.stopped or k.paused) end

-- x: the call of the fold; x.deviate(what) puts a row into the instance's way.
local function reckon(x, c, k)
  k.due = due(k.begun, c.within, x.root.unit, c.law, k.lost or 0, c.extension, k.extensions and #k.extensions or 0)
end

local function refuse(x, what, k, why)
  k.refused = k.refused or {}
  k.refused[#k.refused + 1] = { time = x.at, what = what, why = why }
  x.deviate(what .. "_refused")
end

local DO = {}

-- Which rule applies is said by the day of the event that starts the clock.
function DO.start(x, c, k, _, s)
  local today, valid = day(x.at), c.valid or {}
  if k or (valid.from and today < valid.from) or (valid.to and today > valid.to) then return k end
  k = { begun = x.at }
  reckon(x, c, k)
  s.clocks = s.clocks or {}
  s.clocks[c.id] = k
  return k
end

function DO.pause(x, _, k, reason)
  if k.stopped or k.paused then return k end
  if k.late then
    refuse(x, "pause", k, "overdue")
    return k
  end
  k.paused, k.reason = x.at, reason
  return k
end

function DO.resume(x, c, k)
  if not k.paused then return k end
  k.pauses = k.pauses or {}
  k.pauses[#k.pauses + 1] = { from = k.paused, to = x.at, reason = k.reason }
  k.lost = (k.lost or 0) + lost(k.begun, k.paused, x.at, c.within, x.root.unit, c.law)
  k.paused, k.reason = nil, nil
  reckon(x, c, k)
  return k
end

function DO.extend(x, c, k, reason)
  local why = k.stopped and "stopped" or k.late and "overdue" or k.extensions and #k.extensions >= c.extensions and "already_extended"
    or c.justified and not reason and "no_reason" or nil
  if why then
    refuse(x, "extension", k, why)
    return k
  end
  k.extensions = k.extensions or {}
  k.extensions[#k.extensions + 1] = { time = x.at, reason = reason }
  reckon(x, c, k)
  return k
end

function DO.stop(x, c, k)
  if k.paused then DO.resume(x, c, k) end
  k.stopped = k.stopped or x.at
  return k
end

-- An event of the instance. true: a clock waits for it. see(): what functions get as j.
local function event(x, d, s, see)
  local heard = false
  for _, c in next, d.clocks or {} do
    for _, what in next, c.of[x.type] and ORDER or {} do
      local way, k = c.of[x.type][what], s.clocks and s.clocks[c.id]
      if way and (k or what == "start") then
        local said = way.reason or true
        if what == "start" and c.when then said = d.functions[c.when](x.e, see()) end
        if said and way.fn then said = d.functions[way.fn](x.e, see()) end
        if said then
          DO[what](x, c, k, type(said) == "string" and said ~= "" and said or nil, s)
          heard = true
        end
      end
    end
  end
  return heard
end

-- The clock that is due first: when, and which.
local function first(d, s)
  local at, which
  for _, c in next, s.clocks and d.clocks or {} do
    local k = s.clocks[c.id]
    if k and runs(k) and not k.late and (not at or k.due < at) then at, which = k.due, c end
  end
  return at, which
end

local function expire(c, s)
  s.clocks[c.id].late = true
end

-- The instance has ended: nothing is waited for any more.
local function close(x, d, s)
  for _, c in next, s.clocks and d.clocks or {} do
    local k = s.clocks[c.id]
    if k then DO.stop(x, c, k) end
  end
end

-- What a case is: its worst clock, and when the next one that runs is due; "" when it is over.
local function case(d, s)
  if not d.clocks then return nil end
  if not (s.clocks and s.stage) then return "" end
  local state, at = "stopped", NEVER
  for _, c in next, d.clocks do
    local k = s.clocks[c.id]
    if k and not k.stopped then
      if runs(k) and k.due < at then at = k.due end
      if k.late then
        state = "overdue"
      elseif state ~= "overdue" and not k.paused then
        state = "running"
      elseif state == "stopped" then
        state = "paused"
      end
    end
  end
  return state, at
end

return { prepare = prepare, event = event, next = first, expire = expire, close = close, case = case }
