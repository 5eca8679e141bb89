-- control.lua — the control chart of a KPI's series: XmR limits, and where run rules speak.
-- Flow:   control(reply, options) with a KPI reply that has a series → a table (http-api.md,
--         /v1/kpis/{id}/control). Used by that route (chart.c) and by scripts' kpi:control().
-- Points without a value are gaps: neither the limits nor the rules see them. So are buckets that
-- the window cuts: half a week of sales is no low week.
-- Errors: raised at the caller's line.
local host, stats = ...
local type, error, format, pairs, setmetatable = type, error, string.format, pairs, setmetatable
local DEFAULT_RULES <const> = { 1, 2, 3 } -- methodology C26: beyond the limits, 9 on one side, 6 trending
local FEW <const> = 8 -- limits from fewer points are provisional

-- Lists also where they are empty (core/lua/value.c).
local List = { __name = "cx.list", __metatable = false }
local function list() return setmetatable({}, List) end

-- In words for people, by rule (Nelson 1984, J. Qual. Technol. 16).
local RULES = {
  { "fora dos limites", "beyond the limits" }, { "9 pontos do mesmo lado", "9 points on one side" },
  { "6 pontos subindo ou descendo", "6 points rising or falling" }, { "14 pontos alternando", "14 points alternating" },
  { "2 de 3 além de 2 sigma", "2 of 3 beyond 2 sigma" }, { "4 de 5 além de 1 sigma", "4 of 5 beyond 1 sigma" },
  { "15 pontos dentro de 1 sigma", "15 points within 1 sigma" }, { "8 pontos fora de 1 sigma", "8 points outside 1 sigma" },
}
local function rule_text(rule)
  local t = RULES[rule]
  return t and t[host.lang == "pt" and 1 or 2] or format("%d", rule)
end

local NOTES = {
  no_data = { "sem limites: são precisos ao menos dois períodos com dados",
    "no limits: at least two periods with data are needed" },
  few_points = { "limites provisórios: de %d períodos, e só de %d em diante são firmes",
    "provisional limits: from %d periods; from %d on they are firm" },
}
local function note(chart, as)
  chart.note = as
  chart.note_text = format(NOTES[as][host.lang == "pt" and 1 or 2], chart.baseline, FEW)
end

local function text(reply, v)
  return v and host.text(v, reply.format, reply.scale, reply.currency) or nil
end

local function usable(reply)
  local at, values = {}, {}
  for i = 1, #reply.series do
    local p = reply.series[i]
    if type(p.value) == "number" and not p.cut then
      at[#at + 1], values[#values + 1] = i, p.value
    end
  end
  return at, values
end

local function points_of(reply)
  local points = list()
  for i = 1, #reply.series do
    local p = reply.series[i]
    points[i] = { from = p.from, to = p.to, period_text = p.period_text, value = p.value, text = p.text,
      note = p.note, note_text = p.note_text, cut = p.cut, n = p.n, signals = list() }
  end
  return points
end

local function control(reply, options)
  options = options or {}
  if type(reply) ~= "table" or type(reply.series) ~= "table" then
    error("control needs a series: ask with every = \"week\"", 2)
  end
  local rules, baseline = options.rules or DEFAULT_RULES, options.baseline
  local at, values = usable(reply)
  local chart = { id = reply.id, title = reply.title, from = reply.from, to = reply.to, every = options.every,
    format = reply.format, scale = reply.scale, currency = reply.currency, better = reply.better,
    rules = rules, points = points_of(reply), signals = list() }
  local base = {}
  for i = 1, baseline and baseline < #values and baseline or #values do base[i] = values[i] end
  chart.baseline = #base
  local limits = #base >= 2 and stats.xmr(base) or nil
  if not limits then
    note(chart, "no_data")
    return chart
  end
  for k, v in pairs(limits) do chart[k] = v end
  for _, k in pairs { "center", "upper", "lower" } do chart[k .. "_text"] = text(reply, chart[k]) end
  if #base < FEW then note(chart, "few_points") end
  if limits.mr_bar > 0 then
    local hits = stats.nelson(values, { center = limits.center, sigma = limits.mr_bar / 1.128, rules = rules })
    for i = 1, #hits do
      local p = chart.points[at[hits[i].index]]
      p.signals[#p.signals + 1] = hits[i].rule
      p.signal_text = (p.signal_text and p.signal_text .. ", " or "") .. rule_text(hits[i].rule)
      chart.signals[#chart.signals + 1] = { rule = hits[i].rule, from = p.from, text = p.text }
    end
  end
  return chart
end

return { control = control, rule_text = rule_text, nps = stats.nps }
