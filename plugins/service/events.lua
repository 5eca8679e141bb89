-- What the attendant's app tells, step by step.
local list = require "list"

local function choice(text) return cx.choice(list(text)) end
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

-- Events of one attendance.
local function step(type, name, fields)
  fields = fields or {}
  fields.attendance = cx.text { required = true }
  cx.event(type) { title = name, fields = fields }
end

step("attendance.started", title("Cliente chegou", "Customer arrived"), {
  channel = choice(cx.config.channels),
  tourist = cx.boolean { title = title("De fora", "From abroad") },
})
step("attendance.greeted", title("Cliente cumprimentado", "Customer greeted"))
step("need.stated", title("Necessidade entendida", "Need understood"), { need = choice(cx.config.needs) })
step("attendance.transferred", title("Atendimento passado adiante", "Attendance passed on"), {
  to = cx.text { title = title("Para quem", "To whom") },
})
step("service.done", title("Serviço executado", "Service done"), {
  result = cx.choice { "sold", "solved", "no_sale", "handed_over" },
})
step("attendance.ended", title("Atendimento fechado", "Attendance closed"), {
  solved = cx.boolean { required = true, title = title("Resolvido, diz o cliente", "Solved, says the customer") },
  next_step = cx.text { title = title("Próximo passo", "Next step") },
  reason = cx.text { title = title("Por que fecha com promessa aberta", "Why it closes over an open promise") },
})
step("attendance.left", title("Cliente desistiu", "Customer left"), {
  reason = cx.text {},
})

cx.event "promise.made" {
  title = title("Promessa feita", "Promise made"),
  fields = {
    promise = cx.text { required = true },
    attendance = cx.text {},
    what = cx.text { title = title("O que foi prometido", "What was promised") },
    due = cx.time { required = true, title = title("Para quando", "By when") },
  },
}
cx.event "promise.settled" {
  title = title("Promessa cumprida ou desfeita", "Promise kept or broken"),
  fields = {
    promise = cx.text { required = true },
    attendance = cx.text { title = title("Só enquanto está aberto", "Only while it is open") },
    kept = cx.boolean { required = true },
    reason = cx.text {},
  },
}
-- What promises.lua made of it, each time it changed.
cx.event "promise.judged" {
  title = title("Promessa julgada", "Promise judged"),
  fields = {
    promise = cx.text { required = true },
    state = cx.choice { "kept", "late", "broken", required = true },
  },
}
cx.event "friction.noted" {
  title = title("Fricção notada", "Friction noted"),
  fields = {
    attendance = cx.text { required = true },
    step = cx.choice { "receive", "execute", "close", required = true },
    kind = cx.choice { "wait", "rework", "repeat-info", "transfer", "refusal", "unclear", "system-down", required = true },
    lost = cx.duration { min = 0, title = title("Tempo perdido", "Time lost") },
    severity = cx.integer { min = 1, max = 5, title = title("Gravidade", "Severity") },
    by = cx.choice { "observer", "attendant", "system", "customer" },
  },
}
-- Made by phases.lua when an attendance is over.
cx.event "phase.ended" {
  title = title("Fase encerrada", "Phase ended"),
  fields = {
    attendance = cx.text { required = true },
    phase = cx.choice { "receive", "execute", "close", required = true },
    took = cx.duration { required = true },
  },
}
cx.event "attendance.measured" {
  title = title("Atendimento medido", "Attendance measured"),
  fields = {
    attendance = cx.text { required = true },
    deviations = cx.integer { required = true, min = 0, title = title("Desvios do caminho", "Deviations from the way") },
  },
}
-- Filled in by the host when a checklist begins and ends.
cx.event "sop.run" {
  title = title("POP executado", "SOP run"),
  fields = {
    run = cx.text { required = true }, sop = cx.text {}, version = cx.integer {}, hash = cx.text {},
    state = cx.choice { "open", "finished", "abandoned", required = true },
    score = cx.decimal { scale = 4 }, passed = cx.boolean {}, required = cx.boolean {},
    journey = cx.text {}, key = cx.text {}, stage = cx.text {},
  },
}
cx.event "sop.item" {
  title = title("Item de POP respondido", "SOP item answered"),
  fields = {
    run = cx.text { required = true }, sop = cx.text {}, version = cx.integer {}, item = cx.text { required = true },
    answer = cx.text {}, score = cx.decimal { scale = 4 },
  },
}
