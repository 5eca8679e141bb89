-- declare_journey.lua — cx.journey, cx.stage, cx.by, cx.done, cx.all, cx.ended: state machines as plain data
-- with their functions numbered.
-- Flow:   runs before declare.lua (core/lua/define.c); a journey's definition is what
--         core/lua/define_journey.c reads, journey_version keeps and runtime/journey.lua folds with.
-- Errors: as in declare.lua. What one journey or plugin can tell is told here, the rest in resolve.lua.
local host, _, _, c = ...
local type, next, rawget, setmetatable, tostring, math_type, format = type, next, rawget, setmetatable, tostring, math.type, string.format
local match, sort, concat = string.match, table.sort, table.concat
local list, position, report, options, sorted, length = c.list, c.position, c.report, c.options, c.sorted, c.length
local checks, suggest = c.checks, c.suggest
local journeys = {}

local function duration(v)
  return checks.text(v) and host.deadline(v), 'a duration as "25min", "2d" or "3bd"'
end

--------------------------------------------------------------------------------- what leaves a stage
-- cx.done and what functions give back are plain tables, so that they can be told from anything else
-- when a guard returns one, long after loading.
local DONE, ALL, ENDED, BY = "cx.done", "cx.all", "cx.ended", "cx.by"

local function done(outcome, o)
  local lost = false
  if not checks.text(outcome) or #outcome > 100 then
    report(position(), 'cx.done needs the name of the outcome: cx.done "served"')
    outcome = "?"
  end
  if o ~= nil then
    for k, v in next, type(o) == "table" and o or { o } do
      if k == "lost" and type(v) == "boolean" then
        lost = v
      else
        report(position(), 'cx.done("%s", …): the only option is lost = true', outcome)
      end
    end
  end
  return { [DONE] = outcome, lost = lost }
end

local function all(spec)
  c.only_loading "all"
  local token = { [ALL] = {}, fresh = false, pos = position() }
  if not checks.table(spec) then
    report(token.pos, 'cx.all needs a list of event types: cx.all { "parts.arrived", "quote.approved" }')
    return token
  end
  local n, seen = length(spec), {}
  for _, k in next, sorted(spec) do
    local v = spec[k]
    if k == "fresh" and type(v) == "boolean" then
      token.fresh = v
    elseif math_type(k) ~= "integer" or k > n or type(v) ~= "string" then
      report(token.pos, "cx.all: event types, and fresh = true; not %s", type(k) == "string" and '"' .. k .. '"' or type(v))
    elseif seen[v] then
      report(token.pos, 'cx.all: "%s" is given twice', v)
    else
      seen[v] = true
      token[ALL][#token[ALL] + 1] = v
    end
  end
  sort(token[ALL])
  if n == 0 then report(token.pos, "cx.all: no event types") end
  return token
end

-- The end of the journey inside a stage: with that outcome, or any other.
local function ended(outcome)
  c.only_loading "ended"
  if outcome ~= nil and not checks.text(outcome) then report(position(), "cx.ended: the outcome is a text") end
  return { [ENDED] = outcome or "" }
end

local function is(v, mark) return type(v) == "table" and rawget(v, mark) ~= nil end

-- Stages that nobody declares: an event enters the one that its field names. ends: those that end it.
local function by(name, ends)
  c.only_loading "by"
  local pos, out = position(), {}
  if not c.snake(name) then
    report(pos, 'cx.by needs the field that names the stage: stages = cx.by "activity"')
    name = "?"
  end
  if ends ~= nil and not checks.table(ends) then
    report(pos, 'cx.by: after the field the stages that end it: { ["Closed"] = cx.done "closed" }')
    ends = nil
  end
  for _, k in next, sorted(ends or {}) do
    local v = ends[k]
    if checks.text(k) and is(v, DONE) then
      out[k] = { done = v[DONE], lost = v.lost }
    else
      report(pos, 'cx.by: ends: %s must be a stage\'s name that leads to cx.done(…)', tostring(k))
    end
  end
  return { [BY] = name, ends = next(out) and out }
end

-- The target of a way: data, with the function that decides put aside in j.functions.
local function target(pos, label, j, v, uses)
  if type(v) == "string" then
    uses[#uses + 1] = { stage = v, pos = pos, label = label }
    return { stage = v }
  elseif is(v, DONE) then
    return { done = v[DONE], lost = v.lost }
  elseif j.named and is(v, BY) then
    return { field = v[BY] }
  elseif type(v) == "function" then
    uses.any = true
    j.functions[#j.functions + 1] = v
    return { fn = #j.functions }
  end
  report(pos, "%s: must lead to a stage, to cx.done(…), or be a function", label)
end

local function note_type(j, name, pos, label)
  j.uses[#j.uses + 1] = { type = name, file = pos.file, line = pos.line, what = label }
end

-- leave, and start where it has the same form.
local function ways(pos, label, j, spec, uses)
  local out, alls, ends = list(), {}, {}
  for _, k in next, sorted(spec) do
    if type(k) == "string" then
      local at = format('%s "%s"', label, k)
      note_type(j, k, pos, at)
      out[#out + 1] = { type = k, target = target(pos, at, j, spec[k], uses) }
    elseif is(k, ALL) then
      alls[#alls + 1] = k
    elseif is(k, ENDED) then
      ends[#ends + 1] = k
    else
      report(pos, "%s: what leads on is an event type, cx.all { … } or cx.ended(…)", label)
    end
  end
  local function name(k) return concat(k[ALL], ", ") .. (k.fresh and ", fresh" or "") end
  sort(alls, function(a, b)
    if #a[ALL] ~= #b[ALL] then return #a[ALL] > #b[ALL] end
    return name(a) < name(b)
  end)
  for i = 1, #alls do
    local k = alls[i]
    local at = format("%s cx.all { %s }", label, name(k))
    if i > 1 and name(k) == name(alls[i - 1]) then report(pos, "%s: given twice", at) end
    for n = 1, #k[ALL] do note_type(j, k[ALL][n], k.pos, at) end
    out[#out + 1] = { all = k[ALL], fresh = k.fresh, target = target(pos, at, j, spec[k], uses) }
  end
  sort(ends, function(a, b) return a[ENDED] > b[ENDED] end) -- a named outcome goes before any other
  for i = 1, #ends do
    local at = format('%s cx.ended "%s"', label, ends[i][ENDED])
    if i > 1 and ends[i][ENDED] == ends[i - 1][ENDED] then report(pos, "%s: given twice", at) end
    out[#out + 1] = { ended = ends[i][ENDED], target = target(pos, at, j, spec[ends[i]], uses) }
  end
  return out
end

------------------------------------------------------------------------------------------- stages
local function sop(v)
  local id = type(v) == "table" and v[1] or v
  if type(v) == "table" then
    for k, x in next, v do
      if k ~= 1 and not (k == "required" and type(x) == "boolean") then id = nil end
    end
  end
  return checks.kebab(id), 'the id of a SOP, or { "id", required = true }'
end

local STAGE_RULES = {
  title = "title", sop = sop, within = duration, window = duration, leave = "table", journey = "kebab",
}

local stage = c.declaration("stage", function(pos, id, spec)
  local token = setmetatable({}, { __metatable = false, __name = "cx.stage" })
  local label = format('stage "%s"', id)
  local s = { stage = true, id = id, pos = pos, spec = {} }
  if c.body_table(pos, label, spec) then
    for k, v in next, spec do s.spec[k] = v end
  end
  c.remember(token, s)
  return token
end)

-- The stage as data; its ways are looked at when all stages are known.
local function take_stage(j, label, raw)
  local at = format('%s: stage "%s"', label, raw.id)
  if not match(raw.id, "^%l[%l%d_%-]*$") or #raw.id > 60 then report(raw.pos, "%s: the id must be lower-kebab", at) end
  local o = options(raw.pos, at, raw.spec, STAGE_RULES)
  local s = { id = raw.id, title = o.title, within = o.within, window = o.window, journey = o.journey }
  if type(o.sop) == "table" then
    s.sop, s.required = o.sop[1], o.sop.required or false
  else
    s.sop, s.required = o.sop, false
  end
  s.leave = ways(raw.pos, at .. ": leave", j, o.leave or {}, raw.uses)
  for i = 1, #s.leave do
    if s.leave[i].ended and not s.journey then
      report(raw.pos, "%s: leave: cx.ended is for a stage with a journey inside", at)
    end
  end
  return s
end

local function take_stages(pos, label, j, spec)
  local raws, ids = {}, {}
  for i = 1, length(spec) do
    local raw = c.recall(spec[i])
    if not raw or not raw.stage then
      report(pos, '%s: stages[%d] must be cx.stage "id" { … }', label, i)
    elseif raws[raw.id] then
      report(raw.pos, '%s: stage "%s": given twice (first at %s:%d)', label, raw.id, raws[raw.id].pos.file, raws[raw.id].pos.line)
    else
      raws[#raws + 1], raws[raw.id], ids[#ids + 1] = raw, raw, raw.id
      raw.uses = {}
    end
  end
  for i = 1, #raws do j.stages[i] = take_stage(j, label, raws[i]) end
  if #raws == 0 and not j.named then report(pos, "%s: needs stages = { cx.stage \"id\" { … }, … }", label) end
  return raws, ids
end

-- Stages that nothing leads to; a function may lead anywhere.
local function reachable(label, raws, first)
  local reached, queue = {}, {}
  local function go(uses)
    if uses.any then return true end
    for i = 1, #uses do
      local id = uses[i].stage
      if raws[id] and not reached[id] then
        reached[id], queue[#queue + 1] = true, raws[id]
      end
    end
  end
  if go(first) then return end
  local at = 1
  while queue[at] do
    if go(queue[at].uses) then return end
    at = at + 1
  end
  for i = 1, #raws do
    if not reached[raws[i].id] then
      report(raws[i].pos, '%s: stage "%s": nothing leads to it', label, raws[i].id)
    end
  end
end

------------------------------------------------------------------------------------------- journeys
local function take_start(pos, label, j, start, uses)
  local out = list()
  if type(start) == "string" then start = { start } end
  if not checks.table(start) then
    if start ~= nil then report(pos, "%s: start must be an event type, a list of them, or have the form of leave", label) end
    return out
  end
  local n, byname = length(start), {}
  for k, v in next, start do
    if math_type(k) == "integer" and k <= n then
      byname[v] = j.named or j.stages[1] and j.stages[1].id
      if type(v) ~= "string" then
        report(pos, "%s: start[%d] must be an event type", label, k)
        return out
      end
    else
      byname[k] = v
    end
    if j.named and type(k) == "string" then
      report(pos, "%s: start: with stages = cx.by … event types only; the field says which stage", label)
      return out
    end
    if is(k, ALL) or is(k, ENDED) then
      report(pos, "%s: start: nothing can be waited for before it begins; use an event type", label)
      return out
    end
  end
  out = ways(pos, label .. ": start", j, byname, uses)
  for i = 1, #out do
    local t = out[i].target
    if t and t.done then report(pos, '%s: start "%s": must lead to a stage', label, out[i].type) end
  end
  return out
end

local function take_idle(pos, label, spec)
  if not spec then return end
  local o = options(pos, label .. ": idle", spec, { after = duration, outcome = function(v) return is(v, DONE), "cx.done(…)" end })
  if spec.after == nil then report(pos, '%s: idle: after is missing: idle = { after = "2h", outcome = cx.done "abandoned" }', label) end
  if spec.outcome == nil then report(pos, "%s: idle: outcome is missing", label) end
  if o.after and o.outcome then return { after = o.after, done = o.outcome[DONE], lost = o.outcome.lost } end
end

local function take_by(pos, label, spec)
  local out, seen = list(), {}
  for i = 1, length(spec or {}) do
    local name = spec[i]
    if type(name) ~= "string" or seen[name] then
      report(pos, "%s: by must be a list of different names as { \"unit\", \"channel\" }", label)
    else
      seen[name], out[#out + 1] = true, name
    end
  end
  return out
end

-- ideal = { "receive", { "execute", within = "20min", weight = 2 } }
local function take_ideal(pos, label, spec, ids)
  if not spec then return end
  local out = {}
  for i = 1, length(spec) do
    local v = spec[i]
    local at = format("%s: ideal[%d]", label, i)
    if type(v) == "string" then v = { v } end
    if not checks.table(v) or type(v[1]) ~= "string" then
      report(pos, '%s: a stage, or { "stage", within = "20min", weight = 2 }', at)
    else
      local named = {}
      for k, x in next, v do if k ~= 1 then named[k] = x end end
      local o = options(pos, at, named, { within = duration, weight = function(w)
        return checks.number(w) and w > 0, "a number above 0"
      end })
      if ids and not ids[v[1]] then report(pos, '%s: no stage "%s"%s', at, v[1], suggest(v[1], ids)) end
      out[#out + 1] = { stage = v[1], within = o.within, weight = o.weight or 1 }
    end
  end
  if #out == 0 then report(pos, "%s: ideal is empty", label) end
  return out
end

local PROMISE_RULES = { made = "text", settled = "text", id = "text", due = "text", reason = "text" }

local function take_promises(pos, label, j, spec)
  if not spec then return end
  local o = options(pos, label .. ": promises", spec, PROMISE_RULES)
  for _, k in next, { "made", "settled", "id" } do
    if spec[k] == nil then report(pos, "%s: promises: %s is missing", label, k) end
  end
  if not (o.made and o.settled and o.id) then return end
  for _, k in next, { "made", "settled" } do note_type(j, o[k], pos, format("%s: promises: %s", label, k)) end
  return o
end

local RULES = {
  title = "title", owner = "kebab", tier = c.one_of("strategic", "tactical", "operational"), key = "text",
  start = "any", stages = "table", idle = "table", on_late = "function", again = "boolean", by = "table",
  ideal = "table", promises = "table", nps = "text", replaces = c.later,
}

local function types_of(uses)
  local out, seen = list(), {}
  for i = 1, #uses do
    if not seen[uses[i].type] then seen[uses[i].type], out[#out + 1] = true, uses[i].type end
  end
  sort(out)
  return out
end

local journey = c.declaration("journey", function(pos, id, spec)
  local label = format('journey "%s"', id)
  if not c.body_table(pos, label, spec) then return end
  if not checks.kebab(id) or #id > 100 then report(pos, '%s: the id must be lower-kebab as "visit"', label) end
  local o = options(pos, label, spec, RULES)
  local j = { id = id, pos = pos, label = label, functions = {}, uses = {}, stages = list(),
    named = is(o.stages, BY) and o.stages or nil }
  local raws, ids = take_stages(pos, label, j, o.stages or {})
  for i = 1, #ids do ids[ids[i]] = true end
  local first = {}
  local d = { id = id, title = o.title, owner = o.owner, tier = o.tier, key = o.key, again = o.again ~= false,
    stages = j.stages, start = take_start(pos, label, j, o.start, first), idle = take_idle(pos, label, o.idle),
    by = take_by(pos, label, o.by), promises = take_promises(pos, label, j, o.promises), nps = o.nps }
  d.ideal = take_ideal(pos, label, o.ideal, not j.named and ids)
  if o.on_late then
    j.functions[#j.functions + 1] = o.on_late
    d.on_late = #j.functions
  end
  if j.named then
    d.named, d.ends = j.named[BY], j.named.ends
    if spec.start == nil then report(pos, "%s: start is missing: the event types whose field names the stage", label) end
    if o.on_late then report(pos, "%s: on_late: stages named by a field have no deadline", label) end
  elseif spec.start == nil then
    j.inside = true
    if raws[1] then first[1] = { stage = raws[1].id } end
  end
  local function known(uses)
    for i = 1, #uses do
      local use = uses[i]
      if use.label and not raws[use.stage] then
        report(use.pos, '%s: no stage "%s"%s', use.label, use.stage, suggest(use.stage, ids))
      end
    end
  end
  known(first)
  for i = 1, #raws do known(raws[i].uses) end
  reachable(label, raws, first)
  if journeys[id] then
    report(pos, "%s: declared twice (first at %s:%d)", label, journeys[id].pos.file, journeys[id].pos.line)
    return
  end
  d.types = types_of(j.uses)
  j.definition = d
  journeys[id] = j
end)

-- The journeys inside stages: of the same plugin, not one inside itself, and with one key for all.
local function inside()
  local names, depth = sorted(journeys), nil
  local function visit(j, path)
    for i = 1, #j.stages do
      local s = j.stages[i]
      local inner = s.journey and journeys[s.journey]
      if s.journey and not inner then
        report(j.pos, '%s: stage "%s": no journey "%s" in this plugin%s', j.label, s.id, s.journey, suggest(s.journey, names))
      elseif inner and (path[inner] or depth > 4) then
        inner.used = true
        report(j.pos, '%s: stage "%s": the journey "%s" would be inside itself', j.label, s.id, s.journey)
      elseif inner then
        inner.used = true
        if not inner.inside then
          report(inner.pos, '%s: it begins inside journey "%s", so leave out start', inner.label, j.id)
        end
        path[inner], depth = true, depth + 1
        visit(inner, path)
        path[inner], depth = nil, depth - 1
      end
    end
  end
  for _, id in next, names do
    depth = 0
    visit(journeys[id], { [journeys[id]] = true })
  end
  for _, id in next, names do
    local j = journeys[id]
    if j.inside and not j.used then
      report(j.pos, "%s: start is missing: the event type it begins with", j.label)
    elseif not j.inside and j.definition.key == nil then
      report(j.pos, '%s: key is missing: a field that names the instance, or "subject"', j.label)
    end
  end
end

-- With all that the journeys inside wait for.
local function gather(j, d, uses, out)
  for i = 1, #j.uses do uses[#uses + 1] = j.uses[i] end
  for i = 1, #j.stages do
    local inner = j.stages[i].journey and journeys[j.stages[i].journey]
    if inner and not out[inner.id] then
      out[inner.id] = true
      gather(inner, d, uses, out)
    end
  end
end

local function declared(into, handle)
  inside()
  into.journeys = {}
  for _, id in next, sorted(journeys) do
    local j, functions, uses = journeys[id], {}, {}
    if not j.inside then
      c.clocks_of(j, function(name, pos, label) note_type(j, name, pos, label) end)
    end
    local within = { [id] = true }
    gather(j, j.definition, uses, within)
    within[id] = nil
    j.definition.types, j.definition.within = types_of(uses), list(sorted(within))
    for i = 1, #j.functions do functions[i] = handle(j.functions[i], "journey %s", id) end
    into.journeys[#into.journeys + 1] = { id = id, file = j.pos.file, line = j.pos.line, title = j.definition.title,
      inside = j.inside or false, functions = functions, uses = uses, definition = j.definition }
  end
end

return { cx = { journey = journey, stage = stage, by = by, done = done, all = all, ended = ended }, declared = declared }
