-- The figures that top and middle management follow.

local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

---------------------------------------------------------------- what customers say
cx.kpi "nps" {
  title = title("NPS", "NPS"), format = "points", better = "higher", target = 50,
  tier = "strategic", owner = "cx-manager", by = { "unit", "channel" },
  measures = {
    promoters = cx.count("nps.answered", function(e) return e.score >= 9 end),
    detractors = cx.count("nps.answered", function(e) return e.score <= 6 end),
    answers = cx.count("nps.answered"),
  },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
  interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end,
}
cx.kpi "ces2-mean" {
  title = title("CES 2.0, média de 1 a 7", "CES 2.0, mean of 1 to 7"), format = "number",
  better = "higher", target = 5.5, tier = "tactical", owner = "cx-manager",
  by = { "unit", "channel" },
  measures = {
    total = cx.sum("ces.answered", "score"),
    answers = cx.count("ces.answered"),
  },
  formula = function(m) return m.total / m.answers end,
}
cx.kpi "complaints" {
  title = title("Reclamações", "Complaints"), format = "integer", better = "lower",
  tier = "operational", owner = "store-manager", by = { "unit", "category" },
  measures = { cases = cx.distinct("complaint.opened", "complaint") },
  formula = function(m) return #m.cases end,
}
cx.kpi "complaint-rate" {
  title = title("Reclamações por mil pedidos", "Complaints per 1000 orders"), format = "number",
  better = "lower", target = 8, tier = "tactical", owner = "cx-manager", by = { "unit" },
  measures = {
    cases = cx.distinct("complaint.opened", "complaint"),
    orders = cx.count("order.placed"),
  },
  formula = function(m)
    if m.orders > 0 then return 1000 * #m.cases / m.orders end     -- no orders: no data
  end,
}
cx.kpi "voices" {
  title = title("Detratores que escreveram", "Detractors who wrote"), format = "integer",
  better = "lower", tier = "operational", owner = "store-manager", by = { "unit", "reason" },
  measures = { voices = cx.count("voice.heard") },
  formula = function(m) return m.voices end,
}

---------------------------------------------------------------- what customers buy
cx.kpi "revenue" {
  title = title("Faturamento", "Revenue"), format = "money", better = "higher",
  tier = "strategic", owner = "director", by = { "unit", "channel" },
  measures = { net = cx.sum("order.placed", "net") },
  formula = function(m) return m.net end,
}
cx.kpi "orders" {
  title = title("Pedidos", "Orders"), format = "integer", better = "higher",
  tier = "operational", owner = "store-manager", by = { "unit", "channel" },
  measures = { orders = cx.count("order.placed") },
  formula = function(m) return m.orders end,
}
cx.kpi "average-ticket" {
  title = title("Ticket médio", "Average ticket"), format = "money", better = "higher",
  tier = "tactical", owner = "cx-manager", by = { "unit", "channel" },
  measures = {
    net = cx.sum("order.placed", "net"),
    orders = cx.count("order.placed"),
  },
  formula = function(m) return m.net / m.orders end,
}

---------------------------------------------------------------- who they are, and who comes back
cx.kpi "customers" {
  title = title("Clientes identificados", "Identified customers"), format = "integer",
  better = "higher", tier = "strategic", owner = "cx-manager", by = { "unit", "channel" },
  measures = { customers = cx.distinct("order.placed", "subject") },
  formula = function(m) return #m.customers end,
}
-- A second receipt on the same day is no return.
cx.kpi "repeat-rate" {
  title = title("Taxa de recorrência", "Repeat rate"), format = "%", better = "higher",
  target = 70, tier = "strategic", owner = "cx-manager", by = { "unit", "channel" },
  measures = {
    customers = cx.distinct("order.placed", "subject"),
    returned = cx.distinct("order.placed", "subject", { times = 2, days = true }),
  },
  formula = function(m) return 100 * #m.returned / #m.customers end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(#m.returned, #m.customers)) end,
}
cx.kpi "loyalty-member-share" {
  title = title("Fidelidade: vendas do clube", "Loyalty: share of club sales"), format = "%",
  better = "higher", target = 50, tier = "strategic", owner = "cx-manager",
  by = { "unit", "channel" },
  measures = {
    members = cx.sum("order.placed", "net", function(e) return e.member == true end),
    identified = cx.sum("order.placed", "net", function(e) return e.subject ~= nil end),
  },
  formula = function(m) return 100 * m.members / m.identified end,
}

---------------------------------------------------------------- how they are served
cx.kpi "same-day-delivery" {
  title = title("Entregas no mesmo dia", "Same-day deliveries"), format = "%",
  better = "higher", target = 30, tier = "operational", owner = "store-manager", by = { "unit" },
  measures = {
    same_day = cx.count("order.delivered", function(e) return e.same_day end),
    delivered = cx.count("order.delivered"),
  },
  formula = function(m) return 100 * m.same_day / m.delivered end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.same_day, m.delivered)) end,
}
cx.kpi "delivery-hours" {
  title = title("Horas até a entrega", "Hours to delivery"), format = "number",
  better = "lower", target = 36, tier = "operational", owner = "store-manager", by = { "unit" },
  measures = {
    lead = cx.sum("order.delivered", "lead"),
    delivered = cx.count("order.delivered"),
  },
  formula = function(m) return m.lead / m.delivered / 3600000 end,
}
cx.kpi "solved-contacts" {
  title = title("Atendimentos resolvidos", "Contacts solved"), format = "%", better = "higher",
  target = 85, tier = "tactical", owner = "cx-manager", by = { "unit", "channel" },
  measures = {
    solved = cx.count("contact.closed", function(e) return e.solved end),
    closed = cx.count("contact.closed"),
  },
  formula = function(m) return 100 * m.solved / m.closed end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.solved, m.closed)) end,
}
