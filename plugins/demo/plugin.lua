-- The demo company: a retail chain of twenty stores in eight states, with an app and a call centre.
-- `make run` fills an empty store with its year, 2025-11-01 to 2026-10-31; the year is fixed so
-- that everybody sees the same figures. Sales and surveys are those of the plugins sales and voc,
-- attendances and cases those of service and complaints; what is declared here is the chain's own.
cx.plugin { name = "demo", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Rede de lojas de demonstração", en = "Demo retail chain" },
  depends = { sales = ">= 1.0", voc = ">= 1.0", service = ">= 1.0", complaints = ">= 1.0" },
}

require "events"
require "indicators"
require "voice"

local generator = require "generator"

cx.import "demo" { generate = generator.year, total = 207196 }
