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

cx.kpi "olist-reviews" {
  title = { ["pt-BR"] = "Avaliações", en = "Reviews" }, format = "integer", better = "higher",
  tier = "operational", owner = "cx-manager", by = { "unit", "score" },
  measures = {
    reviews = cx.count("review.created"),
    commented = cx.count("review.created", commented),
  },
  formula = function(m) return m.reviews end,
}
cx.kpi "olist-nps" {
  title = { ["pt-BR"] = "NPS das estrelas", en = "NPS from stars" }, format = "points",
  better = "higher", target = 30, tier = "strategic", owner = "cx-manager", by = { "unit" },
  measures = {                                 -- five stars promote, four are passive
    promoters = cx.count("review.created", function(e) return e.score == 5 end),
    passives = cx.count("review.created", function(e) return e.score == 4 end),
    detractors = cx.count("review.created", function(e) return e.score <= 3 end),
    answers = cx.count("review.created"),
  },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
  interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end,
}
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
