local function title(pt, en) return { ["pt-BR"] = pt, en = en } end
local function share(part, whole) return cx.stats.percent(cx.stats.wilson(part, whole)) end

---------------------------------------------------------------- checklists
local function by_journey(state)
  return cx.distinct("sop.run", "run", function(e) return e.state == state and e.journey ~= nil end)
end
local function adherence(m) return #(m.done & m.asked), #m.asked end
cx.kpi "sop-adherence" {
  title = title("Aderência aos POPs", "SOP adherence"), format = "%", better = "higher", target = 95, tier = "operational",
  owner = "store-manager", by = { "unit", "sop" },
  measures = { asked = by_journey "open", done = by_journey "finished" },
  formula = function(m)
    local done, asked = adherence(m)
    return 100 * done / asked
  end,
  interval = function(m) return share(adherence(m)) end,
}
local function finished(e) return e.state == "finished" end
local scores = cx.histogram("sop.run", "score", finished)
cx.kpi "sop-score" {
  title = title("Nota dos POPs", "SOP score"), format = "%", better = "higher", target = 90, tier = "operational",
  owner = "store-manager", by = { "unit", "sop" },
  measures = { scores = scores },
  formula = function(m) return m.scores:mean() / 100 end,                -- decimals come in units of their scale
}
cx.kpi "sop-items-failed" {
  title = title("Itens de POP não cumpridos", "SOP items failed"), format = "%", better = "lower", tier = "operational",
  owner = "store-manager", by = { "unit", "sop", "item" },
  measures = {
    failed = cx.count("sop.item", function(e) return e.score == 0 end),
    scored = cx.count("sop.item", "score"),
  },
  formula = function(m) return 100 * m.failed / m.scored end,
  interval = function(m) return share(m.failed, m.scored) end,
}

---------------------------------------------------------------- promises
local LAST <const> = { latest = { "promise", by = "time" } }
local function promises(id, name, better, state, target)
  cx.kpi(id) {
    title = name, format = "%", better = better, target = target, tier = "tactical", owner = "cx-manager", by = { "unit" },
    measures = {
      part = cx.count("promise.judged", { where = function(e) return e.state == state end, latest = LAST.latest }),
      judged = cx.count("promise.judged", LAST),
    },
    formula = function(m) return 100 * m.part / m.judged end,
    interval = function(m) return share(m.part, m.judged) end,
  }
end
promises("promises-kept", title("Promessas cumpridas no prazo", "Promises kept on time"), "higher", "kept", 95)
promises("promises-late", title("Promessas cumpridas com atraso", "Promises kept late"), "lower", "late")
promises("promises-broken", title("Promessas não cumpridas", "Promises broken"), "lower", "broken")

---------------------------------------------------------------- phases
local took = cx.histogram("phase.ended", "took", { bucket = "1s" })
local function phase(id, name, p, target)
  cx.kpi(id) {
    title = name, format = "duration", better = "lower", target = target, tier = "operational", owner = "store-manager",
    by = { "unit", "phase" },
    measures = { took = took },
    formula = function(m) return m.took:at(p) end,
  }
end
phase("phase-median", title("Duração das fases, mediana", "Duration of phases, median"), 0.5)
phase("phase-p90", title("Duração das fases, nove em dez", "Duration of phases, nine in ten"), 0.9)

cx.kpi "ideal-way" {
  title = title("Atendimentos no caminho ideal", "Attendances on the ideal way"), format = "%", better = "higher",
  tier = "tactical", owner = "store-manager", by = { "unit" },
  measures = {
    straight = cx.count("attendance.measured", function(e) return e.deviations == 0 end),
    ended = cx.count "attendance.measured",
  },
  formula = function(m) return 100 * m.straight / m.ended end,
  interval = function(m) return share(m.straight, m.ended) end,
}

---------------------------------------------------------------- sales
-- Of the opportunities opened in the period, those won in it; the ones still open are neither.
local function in_state(state)
  return cx.distinct("sale.opportunity", "opportunity", function(e) return e.state == state end)
end
local function won(m) return #(m.opened & m.won), #(m.opened & (m.won | m.lost)) end
cx.kpi "conversion" {
  title = title("Conversão", "Conversion"), format = "%", better = "higher", tier = "strategic", owner = "sales-manager",
  by = { "unit", "channel" },
  measures = { opened = in_state "opened", won = in_state "won", lost = in_state "lost" },
  formula = function(m)
    local n, all = won(m)
    return 100 * n / all
  end,
  interval = function(m) return share(won(m)) end,
}
