-- Reviews: stars and words of the customer. All rows count: an order may have several reviews.

cx.event "review.created" {
  title = { ["pt-BR"] = "Avaliação criada", en = "Review created" },
  fields = {
    review = cx.text { required = true },
    order = cx.text { required = true },
    score = cx.integer { min = 1, max = 5, required = true,
      title = { ["pt-BR"] = "Estrelas", en = "Stars" } },
    title = cx.text { personal = true },
    message = cx.text { personal = true },
    answered = cx.time {},
  },
  derive = {
    commented = cx.boolean(function(e) return not cx.blank(e.message) end),
    -- A title alone is no complaint.
    complaint = cx.boolean(function(e) return e.score <= 2 and not cx.blank(e.message) end),
  },
}

local function complaint(e) return e.complaint end
local function commented(e) return e.commented end

-- An order may have been reviewed more than once: its last review, by the answer, alone. Those
-- answered at the same moment are decided by the greater id, which begins with the review's.
local LAST <const> = { latest = { "order", by = "answered" } }

cx.kpi "olist-reviews" {
  title = { ["pt-BR"] = "Avaliações", en = "Reviews" }, format = "integer", better = "higher",
  tier = "operational", owner = "cx-manager", by = { "unit", "score" },
  measures = {
    reviews = cx.count("review.created"),
    commented = cx.count("review.created", commented),
  },
  formula = function(m) return m.reviews end,
}
-- Five stars promote, four are passive.
local function nps(id, title, option)
  local function stars(low, high)
    local o = { where = function(e) return e.score >= low and e.score <= high end }
    for k, v in pairs(option or {}) do o[k] = v end
    return cx.count("review.created", o)
  end
  cx.kpi(id) {
    title = title, format = "points", better = "higher", target = 30, tier = "strategic",
    owner = "cx-manager", by = { "unit" },
    measures = {
      promoters = stars(5, 5), passives = stars(4, 4), detractors = stars(1, 3),
      answers = cx.count("review.created", option),
    },
    formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
    interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end,
  }
end
nps("olist-nps", { ["pt-BR"] = "NPS das estrelas", en = "NPS from stars" })
nps("olist-nps-dedup", { ["pt-BR"] = "NPS das estrelas, a última avaliação de cada pedido",
  en = "NPS from stars, each order's last review" }, LAST)
cx.kpi "olist-mean-score" {
  title = { ["pt-BR"] = "Média das estrelas", en = "Mean of stars" }, format = "number",
  better = "higher", tier = "tactical", owner = "cx-manager", by = { "unit" },
  measures = {
    score_sum = cx.sum("review.created", "score"),
    reviews = cx.count("review.created"),
  },
  formula = function(m) return m.score_sum / m.reviews end,
}
cx.kpi "olist-score-sum" {
  title = { ["pt-BR"] = "Soma das estrelas", en = "Sum of stars" }, format = "integer",
  better = "higher", tier = "operational", owner = "cx-manager", by = { "unit" },
  measures = {
    score_sum = cx.sum("review.created", "score"),
    reviews = cx.count("review.created"),
  },
  formula = function(m) if m.reviews > 0 then return m.score_sum end end,   -- none: no data, not 0
}
cx.kpi "olist-complaints" {
  title = { ["pt-BR"] = "Reclamações", en = "Complaints" }, format = "integer", better = "lower",
  tier = "operational", owner = "cx-manager", by = { "unit" },
  measures = { complaints = cx.count("review.created", complaint) },
  formula = function(m) return m.complaints end,
}
cx.kpi "olist-complaint-share" {
  title = { ["pt-BR"] = "Reclamações entre as avaliações", en = "Complaints among reviews" },
  format = "%", better = "lower", target = 20, tier = "tactical", owner = "cx-manager",
  by = { "unit" },
  measures = {
    complaints = cx.count("review.created", complaint),
    reviews = cx.count("review.created"),
  },
  formula = function(m) return 100 * m.complaints / m.reviews end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.complaints, m.reviews)) end,
}
