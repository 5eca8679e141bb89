-- The rules, a row each; a law that is replaced keeps its row, with the day it ended. Which of two
-- rows binds a case is said by the day it was registered. Days are counted as the law does (without
-- the first, with the last, which rolls forward); business days are Monday to Friday and no holiday of
-- the unit.
local function second_instance(e) return e.instance == 2 end
local function escalated(e) return e.move == "escalated" end
local function through(channel) return function(e) return e.channel == channel end end

return {
  { id = "sac-2008", rule = "sac", pt = "SAC: resolver em 5 dias úteis", en = "SAC: solve within 5 business days",
    article = "Decreto 6.523/2008, art. 17", within = "5bd", from = "2008-12-01", to = "2022-10-02",
    start = { ["complaint.opened"] = through "sac" } },
  { id = "sac", rule = "sac", pt = "SAC: responder em 7 dias corridos", en = "SAC: answer within 7 calendar days",
    article = "Decreto 11.034/2022, art. 13", within = "7d", from = "2022-10-03",
    start = { ["complaint.opened"] = through "sac" } },
  { id = "ombudsman", rule = "ombudsman", pt = "Ouvidoria: responder em 10 dias úteis",
    en = "Ombudsman: answer within 10 business days", article = "Resolução CMN 4.860/2020", within = "10bd",
    start = { ["complaint.opened"] = second_instance, ["complaint.moved"] = escalated },
    extend = { justified = true } },                              -- once, for as long again
  { id = "consumidor-gov", rule = "consumidor-gov", pt = "consumidor.gov.br: responder em 10 dias",
    en = "consumidor.gov.br: answer within 10 days", article = "consumidor.gov.br", within = "10d",
    start = { ["complaint.opened"] = through "consumidor_gov" } },
  { id = "ans", rule = "ans", pt = "ANS: ouvidoria responde em 7 dias úteis",
    en = "ANS: ombudsman answers within 7 business days", article = "RN ANS 323/2013", within = "7bd",
    start = { ["complaint.opened"] = second_instance, ["complaint.moved"] = escalated },
    extend = { by = "23bd", justified = true } },                 -- agreed on: 30 in all
  { id = "policy", rule = "policy", pt = "Política da empresa: responder", en = "Company policy: answer",
    within = cx.config.policy, own = true, start = { ["complaint.opened"] = true }, pauses = true },
}
