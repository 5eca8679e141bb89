local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

cx.kpi "complaint-deadlines-missed" {
  title = title("Prazos de reclamação vencidos", "Deadlines of complaints missed"), format = "integer",
  better = "lower", target = 0, tier = "operational", owner = "cx-manager", by = { "unit", "rule" },
  measures = { missed = cx.distinct("complaint.overdue", "missed") },
  formula = function(m) return #m.missed end,
  interval = function(m) return cx.stats.poisson(#m.missed) end,
}
cx.kpi "complaints-escalated" {
  title = title("Reclamações que foram à ouvidoria", "Complaints escalated to the ombudsman"), format = "%",
  better = "lower", tier = "tactical", owner = "cx-manager", by = { "unit" },
  measures = {
    escalated = cx.distinct("complaint.moved", "complaint", function(e) return e.move == "escalated" end),
    cases = cx.distinct("complaint.opened", "complaint"),
  },
  formula = function(m) return 100 * #(m.escalated & m.cases) / #m.cases end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(#(m.escalated & m.cases), #m.cases)) end,
}
