-- What surveys, the call centre and complaint platforms tell. A score outside its scale is refused,
-- never bucketed.
local list = require "list"

local function choice(text) return cx.choice(list(text)) end
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end
local function yes(condition) return condition or nil end             -- yes or null: to be counted

local function answered(type, name, low, high, question, derive)
  derive = derive or {}
  derive.written = cx.boolean(function(e) return not cx.blank(e.comment) end)
  cx.event(type) {
    title = name,
    fields = {
      survey = cx.text {},
      score = cx.integer { min = low, max = high, required = true, title = question },
      channel = choice(cx.config.channels),
      reason = choice(cx.config.reasons),
      comment = cx.text { personal = true },
    },
    derive = derive,
  }
end

answered("nps.answered", title("Pesquisa NPS respondida", "NPS survey answered"), 0, 10,
  title("Nota", "Score"), {
    promoter = cx.boolean(function(e) return yes(e.score >= 9) end),
    detractor = cx.boolean(function(e) return yes(e.score <= 6) end),
  })
answered("ces.answered", title("Pesquisa CES 2.0 respondida", "CES 2.0 survey answered"), 1, 7,
  title("A empresa facilitou", "The company made it easy"))
answered("ces1.answered", title("Pesquisa CES 1.0 respondida", "CES 1.0 survey answered"), 1, 5,
  title("Esforço do cliente", "The customer's effort"))
answered("csat.answered", title("Pesquisa CSAT respondida", "CSAT survey answered"), 1, 5,
  title("Satisfação", "Satisfaction"))

cx.event "survey.sent" {
  title = title("Pesquisa enviada", "Survey sent"),
  fields = {
    survey = cx.text { required = true },
    instrument = cx.choice { "nps", "ces", "ces1", "csat", "culture", required = true },
    kind = cx.choice { "relational", "transactional" },
    via = cx.text { title = title("Meio de envio", "Sent by") },
    state = cx.choice { "sent", "delivered", "bounced", required = true },
  },
}
cx.event "complaint.opened" {
  title = title("Reclamação aberta", "Complaint opened"),
  fields = {
    complaint = cx.text { required = true,
      title = title("Caso, o mesmo em todos os canais", "Case, the same in all channels") },
    channel = cx.choice { "loja", "sac", "reclameaqui", "consumidor_gov", "procon", "regulador",
      "rede_social" },
    category = choice(cx.config.categories),
    severity = cx.integer { min = 1, max = 5, title = title("Gravidade", "Severity") },
    order = cx.text {},
    instance = cx.integer { min = 1, max = 2, title = title("Instância", "Instance") },
    external = cx.text { title = title("Número na plataforma", "Number on the platform") },
  },
}
cx.event "complaint.moved" {
  title = title("Reclamação andou", "Complaint moved"),
  fields = {
    complaint = cx.text { required = true },
    move = cx.choice { "acknowledged", "answered", "extended", "info_asked", "info_received",
      "escalated", "resolved", "reopened", "rated", "withdrawn", required = true },
    rating = cx.integer { min = 0, max = 10 },
    would_return = cx.boolean { title = title("Voltaria a comprar", "Would buy again") },
    solved_by_consumer = cx.boolean {
      title = title("Resolvida, diz o consumidor", "Solved, says the consumer") },
    reason = cx.text {},
  },
  derive = {
    -- The company calls the case done, or the customer has rated it.
    finished = cx.text(function(e)
      if e.move == "resolved" or e.move == "rated" then return e.complaint end
    end),
    rated = cx.boolean(function(e)
      return yes(e.move == "rated" and e.solved_by_consumer ~= nil)
    end),
    solved = cx.boolean(function(e) return yes(e.move == "rated" and e.solved_by_consumer) end),
  },
}
