-- The event, the journey and the figures of a log's cases.
local columns = require "columns"

local fields = {
  case = cx.text { required = true, title = { ["pt-BR"] = "Caso", en = "Case" } },
  activity = cx.text { required = true, title = { ["pt-BR"] = "Atividade", en = "Activity" } },
  resource = cx.text { title = { ["pt-BR"] = "Quem fez", en = "Who did it" } },
}
local by <const> = { "activity", "unit", "resource" }
for _, c in ipairs(columns.kept) do
  fields[c.field] = cx.text { title = c.column }
  if #by < 8 then by[#by + 1] = c.field end
end

cx.event "activity.done" {
  title = { ["pt-BR"] = "Atividade feita", en = "Activity done" },
  fields = fields,
}

local ends = {}
for _, activity in ipairs(columns.split(cx.config.ends)) do ends[activity] = cx.done(activity) end
for _, activity in ipairs(columns.split(cx.config.lost)) do
  ends[activity] = cx.done(activity, { lost = true })
end

local ideal = columns.split(cx.config.ideal)
cx.journey "case" {
  title = { ["pt-BR"] = "Caso", en = "Case" }, tier = "operational",
  key = "case", start = "activity.done", stages = cx.by("activity", ends), by = by,
  idle = cx.config.idle and { after = cx.config.idle .. "ms", outcome = cx.done "silent" } or nil,
  ideal = #ideal > 0 and ideal or nil,
}

---------------------------------------------------------------- figures of the log
cx.kpi "process-events" {
  title = { ["pt-BR"] = "Atividades feitas", en = "Activities done" }, format = "integer",
  tier = "operational", by = by,
  measures = { events = cx.count "activity.done" },
  formula = function(m) return m.events end,
}
cx.kpi "process-cases" {
  title = { ["pt-BR"] = "Casos que passaram por", en = "Cases that went through" }, format = "integer",
  tier = "operational", by = by,
  measures = { cases = cx.distinct("activity.done", "case") },
  formula = function(m) return #m.cases end,
}
-- Of a case's activities at one instant the one that the log has first is first: ids say so.
cx.kpi "process-cases-started" {
  title = { ["pt-BR"] = "Casos começados, pela primeira atividade", en = "Cases started, by first activity" },
  format = "integer", tier = "operational", by = by,
  measures = { cases = cx.count("activity.done", { first = { "case", by = "time" } }) },
  formula = function(m) return m.cases end,
}
cx.kpi "process-cases-last" {
  title = { ["pt-BR"] = "Casos pela última atividade", en = "Cases by last activity" }, format = "integer",
  tier = "operational", by = by,
  measures = { cases = cx.count("activity.done", { latest = { "case", by = "time" } }) },
  formula = function(m) return m.cases end,
}
