-- Complaints as cases: the journey of each, and every deadline that binds it, by law, by platform and
-- by the company's own promise, side by side. Which rules bind the company is conf; the rules
-- themselves are rows of rules.lua: a law that changes is a row more. Meanings: README.md.
cx.plugin { name = "complaints", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Casos de reclamação e seus prazos", en = "Complaint cases and their deadlines" },
  depends = { voc = ">= 1.0" },
  config = {
    rules = cx.text { default = "consumidor-gov, policy",
      title = { ["pt-BR"] = "Regras que obrigam a empresa: sac, ombudsman, consumidor-gov, ans, policy",
        en = "Rules that bind the company: sac, ombudsman, consumidor-gov, ans, policy" } },
    policy = cx.text { default = "3bd",
      title = { ["pt-BR"] = "Prazo próprio de resposta", en = "The company's own time to answer" } },
    rating = cx.text { default = "20d",
      title = { ["pt-BR"] = "Espera pela avaliação do cliente", en = "Wait for the customer's rating" } },
  },
}

require "journey"
require "clocks"
require "indicators"
