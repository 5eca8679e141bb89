-- What tills, shops and the app tell about a sale.
local list = require "list"

local CURRENCY <const> = cx.config.currency

local function channel() return cx.choice(list(cx.config.channels)) end
local function money(o)
  o.currency = CURRENCY
  return cx.money(o)
end

cx.event "order.placed" {
  title = { ["pt-BR"] = "Pedido feito", en = "Order placed" },
  fields = {
    order = cx.text { required = true },
    gross = money { min = 0,
      title = { ["pt-BR"] = "Valor antes de descontos", en = "Amount before discounts" } },
    net = money { required = true,
      title = { ["pt-BR"] = "Valor líquido", en = "Net amount" } },
    items = cx.integer { min = 1 },
    channel = channel(),
    opportunity = cx.text {},
    member = cx.boolean { title = { ["pt-BR"] = "Do clube", en = "Club member" } },
  },
}
-- An order changes after it was placed. unit and channel are those of the order, so that what it
-- brought and what was given back meet in the same group.
cx.event "order.adjusted" {
  title = { ["pt-BR"] = "Pedido alterado", en = "Order adjusted" },
  fields = {
    order = cx.text { required = true },
    ordered = cx.time { required = true,
      title = { ["pt-BR"] = "Quando o pedido foi feito", en = "When the order was placed" } },
    kind = cx.choice { "cancel", "refund", "exchange", required = true },
    amount = money { required = true,
      title = { ["pt-BR"] = "Valor da alteração", en = "Amount of the change" } },
    channel = channel(),
  },
  derive = {
    -- What the change does to revenue. Some tills send what they give back with a minus, others
    -- without: a cancellation or refund always takes away. An exchange has the sign it came with.
    change = cx.money(function(e)
      local amount = e.amount.amount
      if e.kind ~= "exchange" then amount = -math.abs(amount) end
      return { amount = amount, currency = e.amount.currency }
    end, { currency = CURRENCY }),
    cancelled = cx.boolean(function(e) return e.kind == "cancel" or nil end),    -- yes or null
  },
}
cx.event "sale.opportunity" {
  title = { ["pt-BR"] = "Oportunidade de venda", en = "Sales opportunity" },
  fields = {
    opportunity = cx.text { required = true },
    state = cx.choice { "opened", "won", "lost", required = true },
    value = money {},
    channel = channel(),
    lost_reason = cx.text {},
  },
}
