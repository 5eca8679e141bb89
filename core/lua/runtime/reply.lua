-- reply.lua — a KPI's reply in a script: data (kpi.md, "Query"), with what can be asked of it:
-- reply:control{…}, reply:signal{…}, reply:rank(), reply:pool(n).
-- Flow:   report.lua's r:kpi(id, query) → replies.ask(); the methods ask again where they need
--         another breakdown of the same query.
-- Errors: raised at the script's line.
local host, _, _, charts = ...
local type, error, setmetatable, pairs, ipairs, format, sort = type, error, setmetatable, pairs, ipairs, string.format,
  table.sort
local null = host.null
local pt = host.lang == "pt"
local function t(in_pt, in_en) return pt and in_pt or in_en end

local asked = {} -- reply → { id, query, by = dimensions in the order asked for }
local methods = {}
local Reply = { __name = "cx.kpi", __metatable = false, __index = methods }

local function dimensions(query)
  local by, names = type(query) == "table" and query.by or nil, {}
  if type(by) == "string" then
    for name in by:gmatch("[^,]+") do names[#names + 1] = name end
  elseif type(by) == "table" then
    for i, name in ipairs(by) do names[i] = name end
  end
  return names
end

local function ask(id, query)
  local reply = setmetatable(host.kpi(id, query), Reply)
  asked[reply] = { id = id, query = query or {}, by = dimensions(query) }
  return reply
end

local function again(reply, changes)
  local query = {}
  for k, v in pairs(asked[reply].query) do query[k] = v end
  for k, v in pairs(changes) do query[k] = v end
  return ask(asked[reply].id, query)
end

-- The control chart of its series; a reply without one is asked again by week.
function methods:control(options)
  if options ~= nil and type(options) ~= "table" then
    error(t("kpi:control: as opções são uma tabela", "kpi:control: options are a table"), 2)
  end
  local o = {}
  for k, v in pairs(options or {}) do o[k] = v end
  local series = self.series and self or again(self, { every = o.every or "week" })
  o.every = asked[series].query.every
  return charts.control(series, o)
end

-- The rules that speak at the newest complete point: { rule =, text =, from = }, or nil.
function methods:signal(options)
  local chart = self:control(options)
  for i = #chart.points, 1, -1 do
    local p = chart.points[i]
    if type(p.value) == "number" and not p.cut then
      local rule = p.signals[1]
      return rule and { rule = rule, text = charts.rule_text(rule), from = p.from, value = p.value } or nil
    end
  end
  return nil
end

-- The same with the groups of fewer than n answers counted as one.
function methods:pool(n)
  if not self.groups then error(t("kpi:pool: pergunte com by", "kpi:pool: ask with by"), 2) end
  return again(self, { pool = n or self.min_n })
end

local function few(reply)
  for _, g in ipairs(reply.groups) do
    if g.note == "few_answers" then return true end
  end
  return false
end

local function group_text(reply, g)
  if g.pooled then return format(t("%d juntas", "%d together"), #g.pooled) end
  local out = {}
  for i, name in ipairs(asked[reply].by) do
    local v = g.by[name]
    out[i] = (v == nil or v == null) and "—" or tostring(v)
  end
  return table.concat(out, " · ")
end

-- A table of groups with the positions each may have: intervals that overlap are no order. Small
-- groups are pooled; those without data or rank come last.
function methods:rank()
  if not self.groups then error(t("kpi:rank: pergunte com by", "kpi:rank: ask with by"), 2) end
  local reply = few(self) and self:pool() or self
  local list = {}
  for i, g in ipairs(reply.groups) do list[i] = { g = g, at = i } end
  local sign = reply.better == "lower" and 1 or -1
  sort(list, function(a, b)
    local x, y = a.g.rank and a.g.value, b.g.rank and b.g.value
    if x and y and x ~= y then return sign * x < sign * y end
    if (x ~= nil) ~= (y ~= nil) then return x ~= nil end
    return a.at < b.at
  end)
  local rows = {}
  for i, item in ipairs(list) do
    local g = item.g
    rows[i] = { group_text(reply, g), g.text or g.note_text or "—",
      g.low_text and g.low_text .. t(" a ", " to ") .. g.high_text or "",
      g.rank and g.rank.text or g.note_text or "", g.n_text or "" }
  end
  return { columns = { table.concat(asked[reply].by, " · "), reply.title or reply.id,
    t("intervalo 95 %", "95 % interval"), t("posição", "position"), "n" }, rows = rows }
end

-- In Lua a null is not there; in the report it is said.
local function with_nulls(reply)
  local names = asked[reply].by
  local function figures(list)
    for _, v in ipairs(list or {}) do
      if v.value == nil then v.value = null end
      for i = 1, v.by and #names or 0 do
        if v.by[names[i]] == nil then v.by[names[i]] = null end
      end
      figures(v.series)
    end
  end
  figures { reply }
  figures(reply.groups)
  return reply
end

return { ask = ask, asked = asked, with_nulls = with_nulls, charts = charts }
