-- NPS, CES and CSAT. Counts are kept as integers: they add over days and units, percentages do not.
local BY <const> = { "unit", "channel" }

local function title(pt, en) return { ["pt-BR"] = pt, en = en } end
local function share(part, whole) return cx.stats.percent(cx.stats.wilson(part, whole)) end

---------------------------------------------------------------- NPS
-- transactional: every answer; relational: each customer's latest
local function nps(id, name, target, option)
  cx.kpi(id) {
    title = name, format = "points", better = "higher", target = target,
    tier = "strategic", owner = "cx-manager", by = BY, min_n = 30,
    measures = {
      promoters = cx.count("nps.answered", "promoter", option),
      detractors = cx.count("nps.answered", "detractor", option),
      answers = cx.count("nps.answered", option),
    },
    formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
    interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end,
  }
end
nps("nps", title("NPS transacional", "Transactional NPS"), 50)
nps("nps-relational", title("NPS relacional", "Relational NPS"), 50, { latest = { "subject", by = "time" } })

-- Surveys of the period that were delivered and answered in it; as sets, so never above 100 %.
local function answered(m) return #(m.delivered & m.answered), #m.delivered end
cx.kpi "response-rate" {
  title = title("NPS, taxa de resposta", "NPS response rate"),
  format = "%", better = "higher", tier = "operational", owner = "cx-manager", by = { "unit" },
  measures = {
    delivered = cx.distinct("survey.sent", "survey",
      function(e) return e.instrument == "nps" and e.state == "delivered" end),
    answered = cx.distinct("nps.answered", "survey"),
  },
  formula = function(m)
    local said, all = answered(m)
    return 100 * said / all
  end,
  interval = function(m) return share(answered(m)) end,
}
local function promoters_back(m)
  local before = m:shift("-12mo")
  if before then return #(before.promoters & m.buyers), #before.promoters end
end
cx.kpi "loyalty-l3" {
  title = title("Fidelidade L3: promotores que compraram de novo",
    "Loyalty L3: promoters who bought again"),
  format = "%", better = "higher", tier = "strategic", owner = "cx-manager", by = { "unit" },
  measures = {
    promoters = cx.distinct("nps.answered", "subject", function(e) return e.promoter end),
    buyers = cx.distinct("order.placed", "subject"),
  },
  formula = function(m)
    local back, all = promoters_back(m)
    if back then return 100 * back / all end
  end,
  interval = function(m)
    local back, all = promoters_back(m)
    if back then return share(back, all) end
  end,
}

---------------------------------------------------------------- CES and CSAT: readings of one histogram
local function between(h, low, high)
  local n = 0
  for score = low, high do n = n + (h[score] or 0) end
  return n
end

local function mean(m) return m.scores:mean() end
local function mean_interval(m) return cx.stats.mean(m.scores) end

local function reading(id, type, name, o)
  o.title, o.by, o.min_n = name, BY, 30
  o.tier, o.owner = "tactical", "cx-manager"
  o.better = o.better or "higher"
  o.measures = { scores = cx.histogram(type, "score") }
  cx.kpi(id)(o)
end

reading("ces-mean", "ces.answered",
  title("CES 2.0, média de 1 a 7", "CES 2.0, mean of 1 to 7"), {
    format = "number", target = 5.5, formula = mean, interval = mean_interval,
  })
reading("ces-easy", "ces.answered",
  title("CES 2.0, fácil (5 a 7)", "CES 2.0, easy (5 to 7)"), {
    format = "%", formula = function(m) return 100 * between(m.scores, 5, 7) / #m.scores end,
    interval = function(m) return share(between(m.scores, 5, 7), #m.scores) end,
  })
reading("ces-net", "ces.answered",
  title("CES 2.0 líquido: (6 e 7) − (1 a 3)", "CES 2.0 net: (6 and 7) − (1 to 3)"), {
    format = "points",
    formula = function(m)
      return 100 * (between(m.scores, 6, 7) - between(m.scores, 1, 3)) / #m.scores
    end,
    -- a net of shares, as NPS is
    interval = function(m)
      return cx.stats.nps(between(m.scores, 6, 7), between(m.scores, 1, 3), #m.scores)
    end,
  })
reading("ces1-mean", "ces1.answered",
  title("CES 1.0, esforço médio de 1 a 5", "CES 1.0, mean effort of 1 to 5"), {
    format = "number", better = "lower", formula = mean, interval = mean_interval,
  })
reading("csat", "csat.answered",
  title("CSAT, satisfeitos (4 e 5)", "CSAT, satisfied (4 and 5)"), {
    format = "%", target = 80,
    formula = function(m) return 100 * between(m.scores, 4, 5) / #m.scores end,
    interval = function(m) return share(between(m.scores, 4, 5), #m.scores) end,
  })
