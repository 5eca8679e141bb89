-- Mystery shopping: a scorecard of four weighted sections. The unit sees nothing of it, and no figure
-- moves, before the embargo is over. shopper is an opaque id, in the run's context.
local run_fields = require "run"
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

local function visit_fields(more)
  more.shopper, more.scenario, more.visit = cx.text {}, cx.text {}, cx.text {}
  return run_fields(more)
end
cx.event "mystery.visited" { title = title("Visita de cliente oculto", "Mystery visit"), fields = visit_fields {} }
cx.event "mystery.scored" { title = title("Item de cliente oculto", "Item of a mystery visit"),
  fields = visit_fields { item = cx.text { required = true }, section = cx.text {}, answer = cx.text {} } }
-- In hundredths of a per cent, against the visits of other shoppers to the same unit until then.
cx.event "shopper.compared" { title = title("Cliente oculto comparado", "Shopper compared"),
  fields = { shopper = cx.text { required = true }, gap = cx.integer { required = true } } }

cx.sop "mystery-visit" { version = 1, title = title("Cliente oculto", "Mystery visit"), role = "mystery-shopper", embargo = "14d",
  emits = { run = "mystery.visited", item = "mystery.scored" },
  items = {
    cx.section "service" { title = title("Atendimento", "Service"), weight = 4, items = {
      cx.item "greeted" { text = "Fui cumprimentado em até um minuto" },
      cx.item "listened" { text = "Perguntaram o que eu precisava", weight = 2 },
      cx.item "respect" { text = "Fui tratado com respeito", critical = true },
    } },
    cx.section "product" { title = title("Produto", "Product"), weight = 3, items = {
      cx.item "found" { text = "Encontrei o que procurava" },
      cx.item "explained" { text = "Souberam explicar o produto" },
    } },
    cx.section "efficiency" { title = title("Eficiência", "Efficiency"), weight = 2, items = {
      cx.item "minutes" { text = "Minutos na fila", kind = "number", format = "min", min = 0, max = 5 },
    } },
    cx.section "environment" { title = title("Ambiente", "Environment"), weight = 1, items = {
      cx.item "clean" { text = "Loja limpa e arrumada" },
      cx.item "front" { text = "Foto da fachada", kind = "photo", evidence = true },
    } },
  },
}

---------------------------------------------------------------- drift
cx.record "mystery-tally" { key = "pair", index = { "shop" }, read = "manager",
  title = title("Visitas de um cliente oculto a uma unidade", "Visits of one shopper to one unit"),
  fields = { pair = cx.text { required = true }, shop = cx.text {}, shopper = cx.text {},
    visits = cx.integer {}, total = cx.integer {} } }

cx.on "mystery.visited" (function(e, tx)
  if e.state ~= "finished" or not (e.score and e.shopper and e.unit) or e.corrects then return end
  local tally = tx:record "mystery-tally"
  local pair, visits, total = e.unit .. "/" .. e.shopper, 0, 0
  for _, t in ipairs(tally:find { shop = e.unit, limit = 1000 }) do
    if t.pair ~= pair then visits, total = visits + t.visits, total + t.total end
  end
  local own = tally:get(pair) or { pair = pair, shop = e.unit, shopper = e.shopper, visits = 0, total = 0 }
  own.visits, own.total = own.visits + 1, own.total + e.score
  tally:put(own)
  if visits > 0 then
    tx:emit { type = "shopper.compared", data = { shopper = e.shopper, gap = e.score - math.floor(total / visits + 0.5) } }
  end
end)

---------------------------------------------------------------- figures
local function percent(i)                                          -- from hundredths of a per cent
  if i and i.low then return { low = i.low / 100, high = i.high / 100, method = i.method, n = i.n } end
end
local scores = cx.histogram("mystery.visited", "score", function(e) return e.state == "finished" end)
cx.kpi "mystery-score" {
  title = title("Nota do cliente oculto", "Mystery score"), format = "%", better = "higher", target = 85, tier = "tactical",
  owner = "cx-manager", by = { "unit", "scenario" }, min_n = 3,
  measures = { scores = scores },
  formula = function(m) return m.scores:mean() / 100 end,
  interval = function(m) return percent(cx.stats.mean(m.scores)) end,
}
cx.kpi "mystery-range" {
  title = title("Amplitude das notas do cliente oculto", "Range of the mystery scores"), format = "points", better = "lower",
  tier = "operational", owner = "cx-manager", by = { "unit", "scenario" },
  measures = { scores = scores },
  formula = function(m) return (m.scores:max() - m.scores:min()) / 100 end,
}
cx.kpi "mystery-items-missed" {
  title = title("Itens perdidos no cliente oculto", "Items missed in mystery visits"), format = "%", better = "lower",
  tier = "operational", owner = "store-manager", by = { "unit", "item" },
  measures = {
    missed = cx.count("mystery.scored", function(e) return e.score == 0 end),
    scored = cx.count("mystery.scored", "score"),
  },
  formula = function(m) return 100 * m.missed / m.scored end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.missed, m.scored)) end,
}
-- A shopper drifts when 0 is outside the interval of a figure with enough visits.
cx.kpi "shopper-drift" {
  title = title("Desvio do cliente oculto diante dos colegas", "Drift of a shopper against peers"), format = "points",
  tier = "operational", owner = "cx-manager", by = { "shopper" }, min_n = 10,
  measures = { gaps = cx.histogram("shopper.compared", "gap") },
  formula = function(m) return m.gaps:mean() / 100 end,
  interval = function(m) return percent(cx.stats.mean(m.gaps)) end,
}
