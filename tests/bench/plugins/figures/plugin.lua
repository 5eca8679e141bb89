-- The seven KPIs of the mission over the facts of plugins/facts, by unit and channel.
cx.plugin { name = "figures", version = "1.0.0", api = 1, title = "Figures",
  depends = { facts = ">= 1.0" },
}

local BY <const> = { "unit", "channel" }

cx.kpi "nps" { title = "NPS", format = "points", by = BY,
  measures = {
    promoters = cx.count("nps.answered", function(e) return e.score >= 9 end),
    detractors = cx.count("nps.answered", function(e) return e.score <= 6 end),
    answers = cx.count("nps.answered"),
  },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
}
cx.kpi "ces" { title = "CES 2.0", format = "number", by = BY,
  measures = {
    points = cx.sum("ces.answered", "score"),
    easy = cx.count("ces.answered", function(e) return e.score >= 5 end),
    answers = cx.count("ces.answered"),
  },
  formula = function(m) return m.points / m.answers end,
}
cx.kpi "revenue" { title = "Revenue", format = "money", by = BY,
  measures = { net = cx.sum("order.placed", "net") },
  formula = function(m) return m.net end,
}
cx.kpi "average-ticket" { title = "Average ticket", format = "money", by = BY,
  measures = { net = cx.sum("order.placed", "net"), orders = cx.count("order.placed") },
  formula = function(m) return m.net / m.orders end,
}
cx.kpi "repeat-rate" { title = "Repeat rate", format = "%", by = BY,
  measures = {
    buyers = cx.distinct("order.placed", "subject"),
    again = cx.distinct("order.placed", "subject", { times = 2, days = true }),
  },
  formula = function(m) return 100 * #m.again / #m.buyers end,
}
cx.kpi "complaint-rate" { title = "Complaints by 1,000 orders", format = "number", by = BY,
  measures = {
    cases = cx.distinct("complaint.opened", "complaint"),
    orders = cx.count("order.placed"),
  },
  formula = function(m) return 1000 * #m.cases / m.orders end,
}
cx.kpi "loyalty" { title = "Loyalty, members' share", format = "%", by = BY,
  measures = {
    members = cx.sum("order.placed", "net", function(e) return e.member == true end),
    identified = cx.sum("order.placed", "net", function(e) return e.subject ~= nil end),
  },
  formula = function(m) return 100 * m.members / m.identified end,
}
