-- Voice of the customer: surveys and complaints. NPS, CES, CSAT and complaints, one event type per
-- instrument and scale, and one KPI per reading, so that nothing is ever averaged across them.
-- Definitions and edge cases: README.md.
cx.plugin { name = "voc", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Voz do cliente", en = "Voice of the customer" },
  depends = { sales = ">= 1.0" },
  config = {
    channels = cx.text { default = "loja, app, telefone, site",
      title = { ["pt-BR"] = "Canais em que o cliente foi atendido",
        en = "Channels in which the customer was served" } },
    reasons = cx.text { default = "atendimento, espera, preço, produto, entrega, ambiente, outro",
      title = { ["pt-BR"] = "Motivos de uma nota", en = "Reasons of a score" } },
    categories = cx.text { default = "entrega, produto, atendimento, cobrança, outro",
      title = { ["pt-BR"] = "Assuntos de reclamação", en = "Categories of complaints" } },
  },
}

require "events"
require "surveys"
require "complaints"
