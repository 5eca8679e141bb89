-- Revenue, orders and ticket. The ledger books an adjustment on the day it happens, so that a closed
-- month stays as it was; the restated figures put it on the day of the order.
local BY <const> = { "unit", "channel" }
local RESTATED <const> = { at = "ordered" }

local net = cx.sum("order.placed", "net")
local placed = cx.count "order.placed"

cx.kpi "revenue" {
  title = { ["pt-BR"] = "Faturamento líquido (razão)", en = "Net revenue (ledger)" },
  format = "money", better = "higher", tier = "strategic", owner = "director", by = BY,
  measures = { placed = net, adjusted = cx.sum("order.adjusted", "change") },
  formula = function(m) return m.placed + m.adjusted end,
}
cx.kpi "revenue-gross" {
  title = { ["pt-BR"] = "Faturamento bruto", en = "Gross revenue" },
  format = "money", better = "higher", tier = "tactical", owner = "director", by = BY,
  measures = { placed = net },
  formula = function(m) return m.placed end,
}
cx.kpi "revenue-restated" {
  title = { ["pt-BR"] = "Faturamento líquido (reapresentado)", en = "Net revenue (restated)" },
  format = "money", better = "higher", tier = "tactical", owner = "director", by = BY,
  measures = { placed = net, adjusted = cx.sum("order.adjusted", "change", RESTATED) },
  formula = function(m) return m.placed + m.adjusted end,
}
cx.kpi "orders" {
  title = { ["pt-BR"] = "Pedidos (razão)", en = "Orders (ledger)" },
  format = "integer", better = "higher", tier = "operational", owner = "store-manager", by = BY,
  measures = { placed = placed, cancelled = cx.count("order.adjusted", "cancelled") },
  formula = function(m) return m.placed - m.cancelled end,
}

-- Times the orders it is the revenue, to the cent. A window that cancels as much as it sells has
-- no ticket.
local function ticket(m)
  local orders = m.placed - m.cancelled
  if orders > 0 then return (m.net + m.adjusted) / orders end
end
cx.kpi "average-ticket" {
  title = { ["pt-BR"] = "Ticket médio (razão)", en = "Average ticket (ledger)" },
  format = "money", better = "higher", tier = "tactical", owner = "cx-manager", by = BY,
  measures = {
    net = net, adjusted = cx.sum("order.adjusted", "change"),
    placed = placed, cancelled = cx.count("order.adjusted", "cancelled"),
  },
  formula = ticket,
}
cx.kpi "average-ticket-restated" {
  title = { ["pt-BR"] = "Ticket médio (reapresentado)", en = "Average ticket (restated)" },
  format = "money", better = "higher", tier = "tactical", owner = "cx-manager", by = BY,
  measures = {
    net = net, adjusted = cx.sum("order.adjusted", "change", RESTATED),
    placed = placed, cancelled = cx.count("order.adjusted", "cancelled", RESTATED),
  },
  formula = ticket,
}
cx.kpi "ticket-median" {
  title = { ["pt-BR"] = "Ticket mediano", en = "Median ticket" },
  format = "money", better = "higher", tier = "tactical", owner = "cx-manager", by = BY,
  measures = { net = cx.histogram("order.placed", "net", { bucket = cx.config.ticket_step }) },
  formula = function(m) return m.net:at(0.5) end,
}
