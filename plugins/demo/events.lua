-- The facts that only this chain's app and call centre send.

local CHANNELS <const> = { "loja", "app", "telefone" }

cx.event "order.delivered" {
  title = { ["pt-BR"] = "Pedido entregue", en = "Order delivered" },
  fields = {
    order = cx.text { required = true },
    bought = cx.time { required = true },
  },
  derive = {
    lead = cx.duration(function(e) return e.time - e.bought end),
    same_day = cx.boolean(function(e) return cx.day(e.time) == cx.day(e.bought) end),
  },
}
cx.event "contact.opened" {
  title = { ["pt-BR"] = "Atendimento aberto", en = "Contact opened" },
  fields = {
    contact = cx.text { required = true },
    channel = cx.choice(CHANNELS),
    topic = cx.choice { "troca", "entrega", "dúvida", "pagamento" },
  },
}
cx.event "contact.closed" {
  title = { ["pt-BR"] = "Atendimento encerrado", en = "Contact closed" },
  fields = {
    contact = cx.text { required = true },
    channel = cx.choice(CHANNELS),
    opened = cx.time { required = true },
    solved = cx.boolean { required = true,
      title = { ["pt-BR"] = "Resolvido", en = "Solved" } },
  },
  derive = { took = cx.duration(function(e) return e.time - e.opened end) },
}
-- Made by voice.lua from an answer, where the words stay and can be erased.
cx.event "voice.heard" {
  title = { ["pt-BR"] = "Voz do cliente ouvida", en = "Customer's voice heard" },
  fields = {
    answer = cx.text { required = true },
    reason = cx.text {},
    severity = cx.integer { min = 1, max = 5, required = true },
  },
}
