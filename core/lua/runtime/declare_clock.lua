-- declare_clock.lua — cx.clock: deadlines that a law or a company sets on the cases of a journey.
-- Flow:   runs after declare_journey.lua, which puts the clocks of a journey into its definition
--         (c.clocks_of), their functions among the journey's; runtime/clock.lua runs them.
-- Errors: as in declare.lua.
local _, _, _, c = ...
local type, next, math_type, format, match = type, next, math.type, string.format, string.match
local report, options, sorted, length, checks = c.report, c.options, c.sorted, c.length, c.checks
local clocks = {}

local function count(v) return math_type(v) == "integer" and v >= 1 and v <= 100, "an integer from 1 to 100" end

local RULES = {
  journey = "kebab", title = "title", article = "title", within = "deadline", law = "boolean", start = "any", stop = "any",
  pause = "any", resume = "any", extend = "table", valid = "table", when = "function", on_late = "function",
}
local EXTEND_RULES = { on = "any", by = "deadline", times = count, justified = "boolean" }

local function is_day(v)
  return type(v) == "string" and match(v, "^%d%d%d%d%-%d%d%-%d%d$") ~= nil, 'a day as "2022-10-03"'
end

local clock = c.declaration("clock", function(pos, id, spec)
  local label = format('clock "%s"', id)
  if not c.body_table(pos, label, spec) then return end
  if not checks.kebab(id) or #id > 60 then report(pos, '%s: the id must be lower-kebab as "sac", at most 60 letters', label) end
  local o = options(pos, label, spec, RULES)
  for _, k in next, { "journey", "within", "stop" } do
    if spec[k] == nil then report(pos, "%s: %s is missing", label, k) end
  end
  if (spec.pause == nil) ~= (spec.resume == nil) then report(pos, "%s: pause and resume go together", label) end
  o.extend = o.extend and options(pos, label .. ": extend", o.extend, EXTEND_RULES)
  if o.extend and o.extend.on == nil then report(pos, "%s: extend: on is missing: the event that extends it", label) end
  o.valid = o.valid and options(pos, label .. ": valid", o.valid, { from = is_day, to = is_day })
  if o.valid and next(o.valid) == nil then o.valid = nil end
  if clocks[id] then
    report(pos, "%s: declared twice (first at %s:%d)", label, clocks[id].pos.file, clocks[id].pos.line)
    return
  end
  clocks[id] = { pos = pos, label = label, o = o }
end)

-- "type", { "type", … } or { ["type"] = true, a reason, or function(e, j) … end }.
local function ways(at, j, what, spec, note)
  local out = {}
  local label = format("%s: %s", at.label, what)
  if type(spec) == "string" then spec = { spec } end
  if not checks.table(spec) or next(spec) == nil then
    report(at.pos, '%s must be an event type, a list, or { ["type"] = function(e) … end }', label)
    return out
  end
  local n = length(spec)
  for _, k in next, sorted(spec) do
    local v, way = spec[k], nil
    if math_type(k) == "integer" and k <= n and type(v) == "string" then
      way = { type = v }
    elseif type(k) == "string" and (v == true or type(v) == "string") then
      way = { type = k, reason = v ~= true and v or nil }
    elseif type(k) == "string" and type(v) == "function" then
      j.functions[#j.functions + 1] = v
      way = { type = k, fn = #j.functions }
    else
      report(at.pos, "%s: an event type leads to true, a reason, or a function", label)
    end
    if way then
      note(way.type, at.pos, label)
      out[#out + 1] = way
    end
  end
  return out
end

-- Into the definition of the journey: j as declare_journey.lua has it; note(type, pos, label).
function c.clocks_of(j, note)
  for _, id in next, sorted(clocks) do
    local at = clocks[id]
    local o = at.o
    if o.journey == j.id then
      at.used = true
      local out = { id = id, title = o.title or id, article = o.article, within = o.within, law = o.law or false,
        extension = o.extend and o.extend.by, extensions = o.extend and (o.extend.times or 1) or 0,
        justified = o.extend and o.extend.justified or false, valid = o.valid }
      local begins = {}
      for _, way in next, j.definition.start do begins[#begins + 1] = way.type end
      out.start = ways(at, j, "start", o.start or begins, note)
      if o.stop ~= nil then out.stop = ways(at, j, "stop", o.stop, note) end
      if o.pause ~= nil then out.pause = ways(at, j, "pause", o.pause, note) end
      if o.resume ~= nil then out.resume = ways(at, j, "resume", o.resume, note) end
      if o.extend and o.extend.on ~= nil then out.extend = ways(at, j, "extend: on", o.extend.on, note) end
      for _, k in next, { "when", "on_late" } do
        if o[k] then
          j.functions[#j.functions + 1] = o[k]
          out[k] = #j.functions
        end
      end
      j.definition.clocks = j.definition.clocks or {}
      j.definition.clocks[#j.definition.clocks + 1] = out
    end
  end
end

local function declared()
  for _, id in next, sorted(clocks) do
    local at = clocks[id]
    if at.o.journey and not at.used then
      report(at.pos, '%s: no journey "%s" with a key in this plugin', at.label, at.o.journey)
    end
  end
end

return { cx = { clock = clock }, declared = declared }
