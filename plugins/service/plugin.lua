-- The attendance: a customer is received, served and seen off, each a micro-journey with its checklist;
-- what was promised on the way is kept in a ledger. A template: a company copies it and makes it its own.
-- Meanings: README.md.
cx.plugin { name = "service", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Atendimento: receber, executar, fechar", en = "Attendance: receive, execute, close" },
  depends = { sales = ">= 1.0" },
  config = {
    channels = cx.text { default = "loja, app, telefone",
      title = { ["pt-BR"] = "Canais de atendimento", en = "Channels of attendance" } },
    needs = cx.text { default = "compra, troca, dúvida, pagamento, reparo, outro",
      title = { ["pt-BR"] = "Necessidades do cliente", en = "The customer's needs" } },
    greet = cx.text { default = "30s",
      title = { ["pt-BR"] = "Cumprimentar em até", en = "Greet within" } },
    receive = cx.text { default = "3min", title = { ["pt-BR"] = "Receber em até", en = "Receive within" } },
    execute = cx.text { default = "25min", title = { ["pt-BR"] = "Executar em até", en = "Execute within" } },
    close = cx.text { default = "10min", title = { ["pt-BR"] = "Fechar em até", en = "Close within" } },
    checklist = cx.boolean { default = false,
      title = { ["pt-BR"] = "Só sai de executar com o POP feito", en = "Execute is left only with its SOP done" } },
  },
}

require "events"
require "sops"
require "journey"
require "promises"
require "frictions"
require "phases"
require "indicators"
