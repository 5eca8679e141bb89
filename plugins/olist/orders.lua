-- Orders: what was bought, paid, sent and delivered. `unit` is the customer's state.

-- The span between two instants, either of which may be unknown; it keeps its sign.
local function span(from, to)
  if from and to then return to - from end
end

cx.event "order.purchased" {
  title = { ["pt-BR"] = "Pedido comprado", en = "Order purchased" },
  fields = {
    order = cx.text { required = true },
    status = cx.choice { "created", "approved", "invoiced", "processing", "shipped", "delivered",
      "canceled", "unavailable", required = true },
    paid = cx.money { currency = "BRL", title = { ["pt-BR"] = "Pago", en = "Paid" } },
    goods = cx.money { currency = "BRL", title = { ["pt-BR"] = "Produtos", en = "Goods" } },
    freight = cx.money { currency = "BRL", title = { ["pt-BR"] = "Frete", en = "Freight" } },
    items = cx.integer { min = 0 },
    approved = cx.time {},
    carrier = cx.time {},
    delivered = cx.time {},
    estimated = cx.time {},
    reviewed = cx.time { title = { ["pt-BR"] = "Primeira avaliação", en = "First review" } },
  },
  derive = {
    -- Null until a delivered order's date is known: such an order is neither on time nor late.
    on_time = cx.boolean(function(e)
      if e.status == "delivered" and e.delivered and e.estimated then
        return cx.day(e.delivered) <= cx.day(e.estimated)
      end
    end),
    on_time_to_the_second = cx.boolean(function(e)
      if e.status == "delivered" and e.delivered and e.estimated then
        return e.delivered <= e.estimated
      end
    end),
    approving = cx.duration(function(e) return span(e.time, e.approved) end),
    handling = cx.duration(function(e) return span(e.approved, e.carrier) end),
    transport = cx.duration(function(e) return span(e.carrier, e.delivered) end),
    lead = cx.duration(function(e) return span(e.time, e.delivered) end),
    reviewing = cx.duration(function(e) return span(e.delivered, e.reviewed) end),
  },
}

local function delivered(e) return e.status == "delivered" end
local function dated(e) return e.status == "delivered" and e.delivered ~= nil end

---------------------------------------------------------------- volume and money
cx.kpi "olist-orders" {
  title = { ["pt-BR"] = "Pedidos", en = "Orders" }, format = "integer", better = "higher",
  tier = "operational", owner = "store-manager", by = { "unit", "status" },
  measures = {
    orders = cx.count("order.purchased"),
    delivered = cx.count("order.purchased", delivered),
    canceled = cx.count("order.purchased", function(e) return e.status == "canceled" end),
  },
  formula = function(m) return m.orders end,
}
cx.kpi "olist-revenue" {
  title = { ["pt-BR"] = "Faturamento, pedidos entregues", en = "Revenue, delivered orders" },
  format = "money", better = "higher", tier = "strategic", owner = "director", by = { "unit" },
  measures = { paid = cx.sum("order.purchased", "paid", delivered) },
  formula = function(m) return m.paid end,
}
cx.kpi "olist-revenue-all" {
  title = { ["pt-BR"] = "Valor pago, todos os pedidos", en = "Amount paid, all orders" },
  format = "money", better = "higher", tier = "tactical", owner = "director",
  by = { "unit", "status" },
  measures = { paid = cx.sum("order.purchased", "paid") },
  formula = function(m) return m.paid end,
}
cx.kpi "olist-average-ticket" {
  title = { ["pt-BR"] = "Ticket médio dos entregues", en = "Average ticket, delivered orders" },
  format = "money", better = "higher", tier = "tactical", owner = "cx-manager", by = { "unit" },
  measures = {
    paid = cx.sum("order.purchased", "paid", delivered),
    orders = cx.count("order.purchased", delivered),
  },
  formula = function(m) return m.paid / m.orders end,
}
cx.kpi "olist-freight-share" {
  title = { ["pt-BR"] = "Peso do frete", en = "Freight's share" }, format = "%", better = "lower",
  tier = "operational", owner = "store-manager", by = { "unit" },
  measures = {
    freight = cx.sum("order.purchased", "freight"),
    goods = cx.sum("order.purchased", "goods"),
  },
  formula = function(m) return 100 * m.freight / (m.freight + m.goods) end,
}

---------------------------------------------------------------- delivery
local function on_time(title, field)
  return {
    title = title, format = "%", better = "higher", target = 95, tier = "tactical",
    owner = "store-manager", by = { "unit" },
    measures = {
      on_time = cx.count("order.purchased", function(e) return e[field] == true end),
      dated = cx.count("order.purchased", dated),
    },
    formula = function(m) return 100 * m.on_time / m.dated end,
    interval = function(m) return cx.stats.percent(cx.stats.wilson(m.on_time, m.dated)) end,
  }
end
cx.kpi "olist-on-time" (on_time(
  { ["pt-BR"] = "Entregas no prazo, pelo dia", en = "Delivered on time, by date" }, "on_time"))
cx.kpi "olist-on-time-to-the-second" (on_time(
  { ["pt-BR"] = "Entregas no prazo, pelo instante", en = "Delivered on time, by timestamp" },
  "on_time_to_the_second"))

---------------------------------------------------------------- people who come back
cx.kpi "olist-customers" {
  title = { ["pt-BR"] = "Clientes", en = "Customers" }, format = "integer", better = "higher",
  tier = "strategic", owner = "cx-manager", by = { "unit" },
  measures = { customers = cx.distinct("order.purchased", "subject") },
  formula = function(m) return #m.customers end,
}
local function repeat_rate(title, where)
  return {
    title = title, format = "%", better = "higher", tier = "strategic", owner = "cx-manager",
    by = { "unit" },
    measures = {
      customers = cx.distinct("order.purchased", "subject", { where = where }),
      twice = cx.distinct("order.purchased", "subject", { times = 2, where = where }),
      thrice = cx.distinct("order.purchased", "subject", { times = 3, where = where }),
    },
    formula = function(m) return 100 * #m.twice / #m.customers end,
    interval = function(m) return cx.stats.percent(cx.stats.wilson(#m.twice, #m.customers)) end,
  }
end
cx.kpi "olist-repeat-rate" (repeat_rate(
  { ["pt-BR"] = "Taxa de recorrência, todos os pedidos", en = "Repeat rate, any status" }, nil))
cx.kpi "olist-repeat-rate-delivered" (repeat_rate(
  { ["pt-BR"] = "Taxa de recorrência, pedidos entregues", en = "Repeat rate, delivered orders" },
  delivered))

---------------------------------------------------------------- the funnel: each stage by itself
cx.kpi "olist-funnel" {
  title = { ["pt-BR"] = "Da compra à entrega", en = "From purchase to delivery" },
  format = "%", better = "higher", tier = "tactical", owner = "store-manager", by = { "unit" },
  measures = {
    purchased = cx.count("order.purchased"),
    approved = cx.count("order.purchased", "approved"),
    carrier = cx.count("order.purchased", "carrier"),
    delivered = cx.count("order.purchased", "delivered"),
    reviewed = cx.count("order.purchased", "reviewed"),
  },
  formula = function(m) return 100 * m.delivered / m.purchased end,
}
---------------------------------------------------------------- how long each leg takes
-- Mean, median and 90th percentile of the same exact histogram, to the millisecond; a leg keeps its
-- sign, and orders without one of its two instants are not in it.
local HOUR <const> = 3600000
for id, leg in pairs {
  approval = { "approving", "da compra à aprovação", "from purchase to approval" },
  handling = { "handling", "da aprovação à transportadora", "from approval to carrier" },
  transport = { "transport", "da transportadora à entrega", "from carrier to delivery" },
  delivery = { "lead", "da compra à entrega", "from purchase to delivery" },
  review = { "reviewing", "da entrega à avaliação", "from delivery to review" },
} do
  local field, pt, en = leg[1], leg[2], leg[3]
  local function time(suffix, title, format, formula)
    cx.kpi("olist-" .. id .. suffix) {
      title = title, format = format, better = "lower", tier = "operational",
      owner = "store-manager", by = { "unit" },
      measures = { orders = cx.histogram("order.purchased", field) },
      formula = function(m) if #m.orders > 0 then return formula(m.orders) end end,
    }
  end
  time("-hours", { ["pt-BR"] = "Horas " .. pt, en = "Hours " .. en }, "number",
    function(h) return h:mean() / HOUR end)
  time("-median", { ["pt-BR"] = "Tempo mediano " .. pt, en = "Median time " .. en }, "duration",
    function(h) return h:at(0.5) end)
  time("-p90", { ["pt-BR"] = "Nove em dez, " .. pt .. ", em até",
    en = "Nine in ten, " .. en .. ", within" }, "duration", function(h) return h:at(0.9) end)
end
