-- The chain's own figures, beside those of sales and voc.

local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

---------------------------------------------------------------- what customers say
cx.kpi "voices" {
  title = title("Detratores que escreveram", "Detractors who wrote"), format = "integer",
  better = "lower", tier = "operational", owner = "store-manager", by = { "unit", "reason" },
  measures = { voices = cx.count("voice.heard") },
  formula = function(m) return m.voices end,
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
