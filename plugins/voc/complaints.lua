-- Complaints are cases: told through two channels, a case counts once. Small numbers are judged by
-- the exact Poisson limits.
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

local cases = cx.distinct("complaint.opened", "complaint")

cx.kpi "complaints" {
  title = title("Reclamações (casos)", "Complaints (cases)"), format = "integer",
  better = "lower", tier = "operational", owner = "store-manager",
  by = { "unit", "channel", "category" },
  measures = { cases = cases },
  formula = function(m) return #m.cases end,
  interval = function(m) return cx.stats.poisson(#m.cases) end,
}

local function per_thousand(id, name, what, count, target)
  cx.kpi(id) {
    title = name, format = "number", better = "lower", target = target, tier = "tactical",
    owner = "cx-manager", by = { "unit" },
    measures = { cases = cases, [what] = count },
    formula = function(m)
      local n = what == "orders" and m.orders or #m.customers
      if n > 0 then return 1000 * #m.cases / n end                   -- none: no data
    end,
    interval = function(m)
      local n = what == "orders" and m.orders or #m.customers
      if n > 0 then return cx.stats.poisson(#m.cases, n / 1000) end
    end,
  }
end
per_thousand("complaints-per-1000-orders",
  title("Reclamações por mil pedidos", "Complaints per 1000 orders"),
  "orders", cx.count "order.placed", 8)
per_thousand("complaints-per-1000-customers",
  title("Reclamações por mil clientes", "Complaints per 1000 customers"),
  "customers", cx.distinct("order.placed", "subject"))

-- A finished case counts once, as its last end says. Those never rated are what the two readings
-- differ by: the index of consumidor.gov.br takes them for solved.
local LAST <const> = { latest = { "finished", by = "time" } }
local function solved(id, name, parts)
  cx.kpi(id) {
    title = name, format = "%", better = "higher", tier = "tactical", owner = "cx-manager",
    by = { "unit" },
    measures = {
      finished = cx.count("complaint.moved", "finished", LAST),
      rated = cx.count("complaint.moved", "rated", LAST),
      solved = cx.count("complaint.moved", "solved", LAST),
    },
    formula = function(m)
      local part, whole = parts(m)
      return 100 * part / whole
    end,
    interval = function(m) return cx.stats.percent(cx.stats.wilson(parts(m))) end,
  }
end
solved("complaints-solved-rated",
  title("Reclamações resolvidas, das avaliadas", "Complaints solved, of those rated"),
  function(m) return m.solved, m.rated end)
solved("complaints-solved-or-unrated",
  title("Reclamações resolvidas ou não avaliadas", "Complaints solved or not rated"),
  function(m) return m.finished - m.rated + m.solved, m.finished end)
