-- Field observation: behaviours are counted, and minutes of observation are what they are divided by.
-- What was seen without a sampling plan is a figure of its own. No customer is named.
local run_fields = require "run"
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

local function seen_fields(more)
  more.plan = cx.text { title = title("Plano de amostragem", "Sampling plan") }
  return run_fields(more)
end
cx.event "field.observed" { title = title("Observação em campo", "Field observation"),
  fields = seen_fields { minutes = cx.decimal { scale = 2, min = 0 } } }
cx.event "field.counted" { title = title("Comportamento observado", "Behaviour observed"),
  fields = seen_fields { item = cx.text { required = true }, value = cx.decimal { scale = 0 } } }

local BEHAVIOURS <const> = {
  { id = "approached", pt = "Clientes abordados", en = "Customers approached" },
  { id = "waited", pt = "Clientes à espera", en = "Customers kept waiting" },
  { id = "gave-up", pt = "Clientes que desistiram", en = "Customers who gave up" },
}

local items = {
  cx.item "begin" { text = "Começo", kind = "time", required = true },
  cx.item "end" { text = "Fim", kind = "time", required = true },
}
for _, b in ipairs(BEHAVIOURS) do items[#items + 1] = cx.item(b.id) { text = b.pt, kind = "count" } end
items[#items + 1] = cx.item "notes" { text = "Notas, sem nomes de clientes", kind = "text", weight = 0 }

cx.sop "field-observation" { version = 1, title = title("Observação em campo", "Field observation"), role = "observer",
  exposure = { from = "begin", to = "end" }, emits = { run = "field.observed", item = "field.counted" }, items = items }

local function rate(b, suffix, pt, en, with_plan)
  local function ours(e) return e.state == "finished" and (e.plan ~= nil) == with_plan end
  cx.kpi("field-" .. b.id .. suffix) {
    title = title(b.pt .. " por hora" .. pt, b.en .. " an hour" .. en), format = "number",
    better = b.id == "approached" and "higher" or "lower", tier = "operational", owner = "store-manager",
    by = { "unit", "plan" },
    measures = {
      seen = cx.sum("field.counted", "value", function(e) return ours(e) and e.item == b.id end),
      minutes = cx.sum("field.observed", "minutes", ours),
    },
    formula = function(m) return m.seen * 6000 / m.minutes end,          -- hundredths of a minute
    interval = function(m)
      if m.minutes > 0 then return cx.stats.poisson(m.seen, m.minutes / 6000) end
    end,
  }
end
for _, b in ipairs(BEHAVIOURS) do
  rate(b, "", "", "", true)
  rate(b, "-no-plan", ", sem plano", ", no plan", false)
end
