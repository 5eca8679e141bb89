-- The facts that tills, the app and the call centre send.

local CHANNELS <const> = { "loja", "app", "telefone" }
local REASONS <const> = { "atendimento", "espera", "preço", "produto", "entrega", "ambiente" }

local function choice(values, more)
  local t = { table.unpack(values) }
  for k, v in pairs(more or {}) do t[k] = v end
  return cx.choice(t)
end

cx.event "order.placed" {
  title = { ["pt-BR"] = "Pedido feito", en = "Order placed" },
  fields = {
    order = cx.text { required = true },
    net = cx.money { currency = "BRL", required = true,
      title = { ["pt-BR"] = "Valor líquido", en = "Net amount" } },
    items = cx.integer { min = 1 },
    channel = choice(CHANNELS),
    member = cx.boolean { title = { ["pt-BR"] = "Do clube", en = "Club member" } },
  },
}
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
cx.event "nps.answered" {
  title = { ["pt-BR"] = "Pesquisa NPS respondida", en = "NPS survey answered" },
  fields = {
    score = cx.integer { min = 0, max = 10, required = true,
      title = { ["pt-BR"] = "Nota", en = "Score" } },
    channel = choice(CHANNELS),
    reason = choice(REASONS, { title = { ["pt-BR"] = "Motivo", en = "Reason" } }),
    comment = cx.text { personal = true },
  },
  derive = {
    written = cx.boolean(function(e) return not cx.blank(e.comment) end),
  },
}
cx.event "ces.answered" {
  title = { ["pt-BR"] = "Pesquisa CES 2.0 respondida", en = "CES 2.0 survey answered" },
  fields = {
    score = cx.integer { min = 1, max = 7, required = true,
      title = { ["pt-BR"] = "A empresa facilitou", en = "The company made it easy" } },
    channel = choice(CHANNELS),
  },
}
cx.event "complaint.opened" {
  title = { ["pt-BR"] = "Reclamação aberta", en = "Complaint opened" },
  fields = {
    complaint = cx.text { required = true },
    category = cx.choice { "entrega", "produto", "atendimento", "cobrança", "outro" },
    channel = cx.choice { "loja", "sac", "reclameaqui", "consumidor_gov", "procon" },
    severity = cx.integer { min = 1, max = 5,
      title = { ["pt-BR"] = "Gravidade", en = "Severity" } },
  },
}
cx.event "contact.opened" {
  title = { ["pt-BR"] = "Atendimento aberto", en = "Contact opened" },
  fields = {
    contact = cx.text { required = true },
    channel = choice(CHANNELS),
    topic = cx.choice { "troca", "entrega", "dúvida", "pagamento" },
  },
}
cx.event "contact.closed" {
  title = { ["pt-BR"] = "Atendimento encerrado", en = "Contact closed" },
  fields = {
    contact = cx.text { required = true },
    channel = choice(CHANNELS),
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
    reason = choice(REASONS),
    severity = cx.integer { min = 1, max = 5, required = true },
  },
}
