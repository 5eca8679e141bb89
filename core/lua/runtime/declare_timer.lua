-- declare_timer.lua — cx.timer: what runs later, because tx:after asked for it or once in every period.
-- Flow:   runs before declare.lua, which makes its word part of cx.
-- Errors: collected as those of declare.lua.
local host, _, _, c = ...
local next, type, format = next, type, string.format
local report, sorted = c.report, c.sorted

local timers = {}

-- Longer than no time at all, and not so short that nothing else gets done.
local function period(v)
  local ms = type(v) == "string" and host.duration(v)
  return ms and ms >= 1000, 'a duration of at least a second as "1h" or "1d"'
end

local RULES = { run = "function", every = period, title = "title" }

local function declare_timer(pos, name, spec)
  local label = format('timer "%s"', name)
  if not c.body_table(pos, label, spec) then return end
  if not c.checks.kebab(name) or #name > 60 then
    report(pos, '%s: the name must be lower-kebab as "call-back", at most 60 letters', label)
  end
  local o = c.options(pos, label, spec, RULES)
  if spec.run == nil then report(pos, "%s: run is missing: run = function(tx, arg) … end", label) end
  if timers[name] then
    report(pos, "%s: declared twice (first at %s:%d)", label, timers[name].file, timers[name].line)
    return
  end
  timers[name] = { name = name, file = pos.file, line = pos.line, title = o.title, every = o.every, run = o.run }
end

local function declared(all, handle)
  all.timers = {}
  for i, name in next, sorted(timers) do
    local t = timers[name]
    t.run = handle(t.run, "timer %s", name)
    all.timers[i] = t
  end
end

return { cx = { timer = c.declaration("timer", declare_timer) }, declared = declared }
