-- The way of a case. What is done about it is complaint.moved of voc; a case that was resolved waits
-- for the customer's rating, and is closed without one when that does not come.
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

cx.event "complaint.closed" {
  title = title("Caso encerrado sem avaliação", "Case closed without a rating"),
  fields = { complaint = cx.text { required = true } },
}
cx.event "complaint.overdue" {
  title = title("Prazo de reclamação vencido", "Deadline of a complaint missed"),
  fields = {
    complaint = cx.text { required = true },
    rule = cx.text { required = true, title = title("Regra", "Rule") },
  },
  derive = { missed = cx.text(function(e) return e.complaint .. "/" .. e.rule end) },
}

-- Wherever it is.
local function anywhere(e)
  if e.move == "withdrawn" then return cx.done "withdrawn" end
  if e.move == "resolved" then return "resolved" end
  if e.move == "escalated" then return "ombudsman" end
  if e.move == "rated" then
    return e.solved_by_consumer and cx.done "solved" or cx.done("not-solved", { lost = true })
  end
end

local function stage(id, name, more)
  more = more or {}
  more.title = name
  more.leave = more.leave or {}
  more.leave["complaint.moved"] = more.leave["complaint.moved"] or anywhere
  return cx.stage(id)(more)
end

local function when_open(e)
  if e.move == "answered" then return "answered" end
  return anywhere(e)
end

cx.journey "complaint" {
  title = title("Reclamação", "Complaint"), owner = "cx-manager", tier = "tactical",
  key = "complaint", by = { "unit", "channel", "category" },
  start = { ["complaint.opened"] = function(e) return e.instance == 2 and "ombudsman" or "open" end },
  stages = {
    stage("open", title("Registrada", "Open"), { leave = { ["complaint.moved"] = when_open } }),
    stage("answered", title("Respondida", "Answered"), { leave = {
      ["complaint.moved"] = function(e)
        if e.move == "reopened" then return "open" end
        return anywhere(e)
      end } }),
    stage("ombudsman", title("Ouvidoria", "Ombudsman"), { leave = {
      ["complaint.moved"] = function(e)
        if e.move == "answered" then return "answered" end
        if e.move ~= "escalated" then return anywhere(e) end
      end } }),
    stage("resolved", title("Resolvida, à espera da avaliação", "Resolved, waits for the rating"), {
      within = cx.config.rating,
      leave = {
        ["complaint.moved"] = function(e)
          if e.move == "reopened" then return "open" end
          if e.move ~= "resolved" then return anywhere(e) end
        end,
        ["complaint.closed"] = cx.done "unrated",
      } }),
  },
  on_late = function(j, _, tx)
    tx:emit { type = "complaint.closed", data = { complaint = j.data.complaint } }
  end,
}
