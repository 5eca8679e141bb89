-- journey.lua — what an event or a deadline does to one instance of a journey: the fold.
-- Flow:   core/lua/journey_bind.c calls prepare once per definition, then begin, event, advance and
--         stray with an instance's state; each gives back what came of it: the state, its moves, what the
--         engine is to do, and when something happens by itself.
-- Pure:   state is a function of the definition, the events in the order of (time, seq) and the instants
--         that have passed. Nothing here reads a clock or writes.
-- State:  plain data, kept as JSON with the instance. n: which one of the key; start: seq of the start event;
--         stage: nil once it has ended; entry: position of the move that entered it; entered, due, late:
--         of that stage; idle: when it ends by itself; pass, seen: counts by stage and type; fresh: seen since
--         the stage was entered; open: promises; inner: the journey inside the stage; inners: how many of
--         those there were; clocks: clock.lua; way, fit: ideal.lua. Subject and unit are kept beside it.
local host = ...
local clock, ideal = host.clock, host.ideal
local next, type, error, rawget, setmetatable, tostring = next, type, error, rawget, setmetatable, tostring
local format = string.format
local DONE = "cx.done"
local CLOCK <const> = "clock:" -- before its id, where a stage has its own
local STAGES = 16 -- an event leads through so many at most

-- The definition with what is looked up by name, and its functions. inner(id): that journey's, prepared.
local function prepare(d, functions, inner)
  d.functions, d.by_id, d.begins, d.waited = functions, {}, {}, {}
  for _, way in next, d.start do d.begins[way.type] = way end
  for _, s in next, d.stages do
    d.by_id[s.id] = s
    s.exact, s.alls, s.ended = {}, {}, {}
    s.inner = s.journey and inner(s.journey)
    for _, way in next, s.leave do
      if way.type then
        s.exact[way.type] = way
      elseif way.all then
        s.alls[#s.alls + 1], way.has = way, {}
        s.fresh = s.fresh or way.fresh
        for _, t in next, way.all do way.has[t], d.waited[t] = true, true end
      else
        s.ended[way.ended] = way
      end
    end
  end
  if d.named then -- whatever an event names is a stage, and every one is left in the same ways
    local function plain(ends) return { exact = d.begins, alls = {}, ended = {}, ends = ends } end
    for id, ends in next, d.ends or {} do d.by_id[id] = plain(ends) end
    local any = plain()
    setmetatable(d.by_id, { __index = function() return any end })
  end
  if d.promises then d.waited[d.promises.made], d.waited[d.promises.settled] = true, true end
  clock.prepare(d)
  return d
end

------------------------------------------------------------------------------------- what comes of it
-- x is one call: key, at (the instant), seq, type and e of the event (nil: a deadline), and what is gathered.
local function move(x, d, s, row)
  s.pos = s.pos + 1
  row.journey, row.n, row.pos, row.time, row.seq = d.id, s.n, s.pos, x.at, x.seq
  row.type = row.type or x.type or "ended"
  x.moves[#x.moves + 1] = row
end

local function deviates(x, d, s, kind)
  move(x, d, s, { from = s.stage, deviation = kind })
end

-- What guards and handlers see as j: a copy, so that nothing they do to it matters.
local function view(x, d, s)
  local seen = {}
  for k, v in next, s.seen do seen[k] = v end
  return { journey = d.id, key = s.n == 1 and x.key or format("%s#%d", x.key, s.n), n = s.n, stage = s.stage,
    subject = x.root.subject, unit = x.root.unit, due = s.due, pass = s.pass[s.stage], seen = seen, entered = s.entered,
    begun = s.begun, late = s.late or false, start = s.start }
end

local NAMES = { "journey", "key", "n", "stage", "subject", "unit", "due", "pass", "seen", "entered", "begun", "late", "data" }
for _, name in next, NAMES do NAMES[name] = true end

-- j.data are the fields of the start event, read when they are asked for.
local function shown(v)
  local start = v.start
  v.start = nil
  return setmetatable(v, { __index = function(_, k)
    if k == "data" then return host.data(start) end
    if not NAMES[k] then error(format('j has no "%s"%s', tostring(k), host.meant(k, NAMES)), 2) end
  end })
end

local enter, settle

local function stand_still(s)
  s.stage, s.entered, s.due, s.idle, s.late, s.fresh, s.entry = nil, nil, nil, nil, nil, nil, nil
end

local finish

-- Whichever way a stage is left.
local function leave(x, d, s)
  local stage, i = d.by_id[s.stage], s.inner
  x.left[#x.left + 1] = { journey = d.id, n = s.n, pos = s.entry, time = x.at }
  ideal.left(d, s, x.at, x.root.unit)
  if not i then return end
  s.inner = nil
  if i.stage then finish(x, stage.inner, i, "interrupted", false) end
end

function finish(x, d, s, outcome, lost, why)
  local from = s.stage
  leave(x, d, s)
  clock.close(x, d, s)
  stand_still(s)
  s.outcome, s.lost, s.ended = outcome, lost or nil, x.at
  move(x, d, s, { type = why, from = from })
  if s ~= x.root then x.note(d, s) end
end

local function fresh_state(x, n)
  return { n = n, start = x.root and x.root.start or x.seq, begun = x.at, pos = 0, pass = {}, seen = {} }
end

-- Which inner one of this journey it is, over all instances of the key.
local function next_inner(x, id)
  local inners = x.root.inners or {}
  x.root.inners = inners
  inners[id] = (inners[id] or 0) + 1
  return inners[id]
end

function enter(x, d, s, id, why)
  local stage, from = d.by_id[id], s.stage
  x.stages = x.stages + 1
  if x.stages > STAGES then
    error(format('journey "%s": the event leads through more than %d stages, this looks like a circle', d.id, STAGES), 0)
  end
  if from then leave(x, d, s) end
  s.pass[id] = (s.pass[id] or 0) + 1
  s.stage, s.entered, s.late = id, x.at, nil
  s.fresh = stage.fresh and {} or nil
  s.due = stage.within and host.due(x.at, stage.within, x.root.unit) or nil
  move(x, d, s, { type = why, from = from, to = id, pass = s.pass[id] })
  s.entry = s.pos
  ideal.entered(d, s)
  if stage.sop then
    x.sops[#x.sops + 1] = { sop = stage.sop, required = stage.required, journey = d.id, n = s.n, stage = id,
      pass = s.pass[id], start = s.start }
  end
  if stage.inner then
    local inner = stage.inner
    local i = fresh_state(x, next_inner(x, inner.id))
    if x.type then i.seen[x.type] = 1 end
    if inner.idle then i.idle = host.due(x.at, inner.idle.after, x.root.unit) end
    s.inner = i
    enter(x, inner, i, inner.stages[1].id, why)
    x.note(inner, i)
  end
  settle(x, d, s)
end

---------------------------------------------------------------------------------------------- ways
local function no_stage(d, s, way, what)
  error(format('journey "%s": stage "%s": leave %s gave %s; a stage, cx.done(…) or nil is wanted%s', d.id, s.stage or "?",
    way.type and format('"%s"', way.type) or way.all and "cx.all" or "cx.ended",
    type(what) == "string" and format('"%s", which is no stage', what) or type(what),
    type(what) == "string" and host.meant(what, d.stages, "id") or ""), 0)
end

-- The stage that a field of the event names; nil: it names none.
local function named(e, field)
  local v = e[field]
  return v ~= nil and v ~= "" and tostring(v) or nil
end

-- A stage, or nil and an outcome; nil: stay.
local function decide(x, d, s, way)
  local t = way.target
  if t.stage then return t.stage end
  if t.field then return named(x.e, t.field) end
  if t.done then return nil, t.done, t.lost end
  local got = d.functions[t.fn](x.e, shown(view(x, d, s)))
  if got == nil or got == false then return nil end -- `return e.ok and "close"` stays, too
  if type(got) == "table" and rawget(got, DONE) then return nil, rawget(got, DONE), rawget(got, "lost") end
  if type(got) ~= "string" or not d.by_id[got] then no_stage(d, s, way, got) end
  return got
end

local function held_by_promise(x, d, s)
  if not (d.promises and s.open and next(s.open)) then return false end
  local reason = d.promises.reason
  return not (reason and x.e and host.field(x.e, reason))
end

-- Follows a way. true: it led somewhere, or was held back.
local function follow(x, d, s, way, why)
  local stage = d.by_id[s.stage]
  local id, outcome, lost = decide(x, d, s, way)
  if not id and not outcome then return false end
  if stage.required and not host.finished(d.id, x.key, s.n, s.stage, s.pass[s.stage], x.at) then
    deviates(x, d, s, "sop_open")
  elseif id then
    enter(x, d, s, id, why)
  elseif held_by_promise(x, d, s) then
    deviates(x, d, s, "open_promise")
  else
    finish(x, d, s, outcome, lost, why)
  end
  return true
end

local function complete(s, way)
  local counts = way.fresh and s.fresh or s.seen
  for _, t in next, way.all do
    if not counts[t] then return false end
  end
  return true
end

-- The journey inside has ended: where to.
local function after_inner(x, d, s, why)
  local stage, i = d.by_id[s.stage], s.inner
  if not i or i.stage then return end
  s.inner = nil
  local way = stage.ended[i.outcome] or stage.ended[""]
  if way then follow(x, d, s, way, why) end
end

-- A stage entered with one of its cx.all complete is left at once; so is a named one that ends it all.
function settle(x, d, s)
  local stage, entry = d.by_id[s.stage], s.entry
  if stage.ends and held_by_promise(x, d, s) then
    deviates(x, d, s, "open_promise")
    return
  elseif stage.ends then
    finish(x, d, s, stage.ends.done, stage.ends.lost)
    return
  end
  after_inner(x, d, s)
  for _, way in next, stage.alls do
    if s.entry ~= entry then return end
    if not way.fresh and complete(s, way) then follow(x, d, s, way) end
  end
end

---------------------------------------------------------------------------------------------- events
local function promise(x, d, s)
  local p = d.promises
  if not p then return end
  local id = (x.type == p.made or x.type == p.settled) and host.field(x.e, p.id)
  if not id then return end
  s.open = s.open or {}
  s.open[id] = x.type == p.made and (p.due and host.field(x.e, p.due) or 0) or nil
  if not next(s.open) then s.open = nil end
end

local function count(x, d, s)
  local t = x.type
  s.seen[t] = (s.seen[t] or 0) + 1
  if s.fresh then s.fresh[t] = (s.fresh[t] or 0) + 1 end
  if d.idle then s.idle = host.due(x.at, d.idle.after, x.root.unit) end
  promise(x, d, s)
  if s.inner then count(x, d.by_id[s.stage].inner, s.inner) end
end

-- Is the event one that the stage, or some cx.all, waits for?
local function offer(x, d, s)
  local stage, entry, i = d.by_id[s.stage], s.entry, s.inner
  if i then
    local taken = offer(x, stage.inner, i)
    if taken then
      x.note(stage.inner, i)
      after_inner(x, d, s)
      return true
    end
  end
  local way = stage.exact[x.type]
  if way and follow(x, d, s, way) then return true end
  for _, each in next, stage.alls do
    if s.entry == entry and each.has[x.type] and complete(s, each) then follow(x, d, s, each) end
  end
  return way ~= nil or d.waited[x.type] or false
end

------------------------------------------------------------------------------------------ deadlines
-- The next of the instance, its clocks and what is inside it: the instant, and whose it is.
local function next_due(d, s)
  local at, which = clock.next(d, s)
  local whose = at and { d, s, which }
  while s do
    local due = not s.late and s.due or nil
    if due and (not at or due <= at) then at, whose = due, { d, s, "within" } end
    if s.idle and (not at or s.idle < at) then at, whose = s.idle, { d, s, "idle" } end
    d, s = s.stage and d.by_id[s.stage].inner, s.inner
  end
  return at, whose
end

-- What clock.lua says of them, as rows of the way. True: one of them waits for the event.
local function clocks(x, d, s)
  function x.deviate(kind) deviates(x, d, s, kind) end
  return clock.event(x, d, s, function() return shown(view(x, d, s)) end)
end

local function overdue(x, d, s, c)
  clock.expire(c, s)
  move(x, d, s, { type = CLOCK .. c.id, from = s.stage, deviation = "overdue" })
  if c.on_late then
    x.late[#x.late + 1] = { journey = d.id, stage = CLOCK .. c.id, due = x.at, pass = 1, j = view(x, d, s) }
  end
end

local function fire(x, at, d, s, what)
  x.at = at
  if type(what) == "table" then
    overdue(x, d, s, what)
    return
  end
  if what == "idle" then
    finish(x, d, s, d.idle.done, d.idle.lost, "idle")
    return
  end
  s.late = true
  move(x, d, s, { type = "within", from = s.stage, pass = s.pass[s.stage], deviation = "late" })
  if d.on_late then
    x.late[#x.late + 1] = { journey = d.id, stage = s.stage, due = at, pass = s.pass[s.stage], j = view(x, d, s) }
  end
end

-- What a deadline did to the journeys inside.
local function wind_up(x, d, s)
  local i = s.inner
  if not i then return end
  local inner = d.by_id[s.stage].inner
  wind_up(x, inner, i)
  x.note(inner, i)
  after_inner(x, d, s, "ended")
end

-- What is due until then: before an event what is due earlier, else (through) also what is due just then.
local function pass_time(x, d, s, till, through)
  local event_type, seq, e = x.type, x.seq, x.e
  x.type, x.seq, x.e = nil, nil, nil
  while s.stage do
    local at, whose = next_due(d, s)
    if not at or at > till or (at == till and not through) then break end
    x.stages = 0
    fire(x, at, whose[1], whose[2], whose[3])
    wind_up(x, d, s)
    x.upto = at
  end
  x.type, x.seq, x.e, x.stages = event_type, seq, e, 0
end

---------------------------------------------------------------------------------------------- calls
local function call(root, key, at, seq, event_type, e)
  local x = { root = root, key = key, at = at, seq = seq, type = event_type, e = e, stages = 0, moves = {}, left = {},
    late = {}, sops = {}, inner = {} }
  local noted = {}
  function x.note(d, i)
    if not noted[i] then noted[i], x.inner[#x.inner + 1] = true, { journey = d.id, state = i, d = d } end
  end
  return x
end

local function outcome(x, d, s)
  x.state, s.fit = s, ideal.judge(d, s)
  for _, i in next, x.inner do i.state.fit = ideal.judge(i.d, i.state) end
  s.case, s.case_due = clock.case(d, s)
  if s.stage then x.due = next_due(d, s) end
  return x
end

-- Does the event begin an instance, the n-th of its key? before: the state of the one before it. nil: it
-- does not.
local function begin(d, n, before, key, at, seq, event_type, e)
  local way = d.begins[event_type]
  if not way or (n > 1 and not d.again) then return nil end
  local x = call(nil, key, at, seq, event_type, e)
  local s = fresh_state(x, n)
  x.root, s.subject, s.unit = s, e.subject, e.unit
  s.inners = before and before.inners
  local id = way.target.stage
  if way.target.field then
    id = named(e, way.target.field)
    if not id then return nil end
  elseif not id then
    id = d.functions[way.target.fn](e, shown(view(x, d, s)))
    if id == nil or id == false then return nil end
    if type(id) ~= "string" or not d.by_id[id] then no_stage(d, s, way, id) end
  end
  for _, name in next, d.by do
    local v = e[name]
    s.by = s.by or {}
    if v ~= nil then s.by[name] = tostring(v) end
  end
  count(x, d, s)
  enter(x, d, s, id)
  if d.clocks and s.stage then clocks(x, d, s) end
  return outcome(x, d, s)
end

-- An event of an open instance, after all that is in its state.
local function event(d, s, key, at, seq, event_type, e)
  local x = call(s, key, at, seq, event_type, e)
  count(x, d, s)
  local heard = d.clocks and clocks(x, d, s)
  if not (offer(x, d, s) or heard) then deviates(x, d, s, "unexpected") end
  return outcome(x, d, s)
end

-- An event after the end that begins nothing.
local function stray(d, s, key, at, seq, event_type)
  local x = call(s, key, at, seq, event_type)
  deviates(x, d, s, "unexpected")
  return outcome(x, d, s)
end

-- Time passes.
local function advance(d, s, key, till, through)
  local x = call(s, key, till)
  pass_time(x, d, s, till, through)
  return outcome(x, d, s)
end

-- The text of a title in the company's language.
local function title_text(t, id)
  if type(t) ~= "table" then return t or id end
  local first
  for lang in next, t do if not first or lang < first then first = lang end end
  return t[host.locale] or t[first]
end

-- What a plugin does when a stage is overdue: l is one of x.late.
local function tell(d, l, tx)
  for _, c in next, d.clocks or {} do
    if l.stage == CLOCK .. c.id then
      d.functions[c.on_late](shown(l.j), { id = c.id, title = title_text(c.title, c.id), within = c.within,
        article = title_text(c.article), due = l.due }, tx)
      return
    end
  end
  local stage = d.by_id[l.stage]
  d.functions[d.on_late](shown(l.j), { id = stage.id, title = title_text(stage.title, stage.id), within = stage.within,
    due = l.due, pass = l.pass }, tx)
end

return { prepare = prepare, begin = begin, event = event, stray = stray, advance = advance, tell = tell }
