-- Sales: orders, what becomes of them, and who buys again. Revenue, average ticket, repeat rate and
-- loyalty, each reading under a name of its own. Definitions and edge cases: README.md.
cx.plugin { name = "sales", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Vendas", en = "Sales" },
  config = {
    currency = cx.text { default = "BRL", min = 3, max = 3,
      title = { ["pt-BR"] = "Moeda das vendas", en = "Currency of sales" } },
    channels = cx.text { default = "loja, app, telefone, site",
      title = { ["pt-BR"] = "Canais de venda", en = "Channels of sale" } },
    cohort_days = cx.integer { default = 90, min = 1, max = 730,
      title = { ["pt-BR"] = "Dias de acompanhamento da recorrência R3",
        en = "Days of follow-up of the repeat rate R3" } },
    ticket_step = cx.integer { default = 1, min = 1, title = {
      ["pt-BR"] = "Passo da mediana do ticket, em centavos; 1 é exato",
      en = "Step of the median ticket, in minor units; 1 is exact" } },
  },
}

require "events"
require "revenue"
require "customers"
