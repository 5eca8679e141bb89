-- A quiz is a checklist of choices with right answers; what they are is not shown to who takes it.
local run_fields = require "run"
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

cx.event "quiz.taken" { title = title("Prova feita", "Quiz taken"), fields = run_fields { passed = cx.boolean {} } }

cx.sop "quiz-service" { version = 1, title = title("Prova de atendimento", "Service quiz"), role = "attendant", pass = 0.7,
  emits = "quiz.taken",
  items = {
    cx.item "greet" { text = "Em quanto tempo se cumprimenta quem chega?", kind = "choice", na = false,
      choices = { "30 segundos", "3 minutos", "quando der" }, right = "30 segundos" },
    cx.item "promise" { text = "O que se faz com uma promessa ao cliente?", kind = "choice", na = false,
      choices = { "anotar se for importante", "registrar com data", "evitar" }, right = "registrar com data" },
    cx.item "detractor" { text = "Que notas de NPS são de detratores?", kind = "choice", na = false,
      choices = { "0 a 6", "0 a 7", "7 e 8" }, right = "0 a 6" },
    cx.item "close" { text = "O que não pode faltar ao fechar?", kind = "choice", na = false, weight = 2,
      choices = { "o próximo passo, com data", "a nota fiscal", "um brinde" }, right = "o próximo passo, com data" },
  },
}

-- Every time it is finished counts.
cx.kpi "quiz-passed" {
  title = title("Aprovados nas provas", "Quizzes passed"), format = "%", better = "higher", target = 90, tier = "operational",
  owner = "cx-manager", by = { "unit", "sop" },
  measures = {
    passed = cx.count("quiz.taken", function(e) return e.state == "finished" and e.passed end),
    taken = cx.count("quiz.taken", function(e) return e.state == "finished" end),
  },
  formula = function(m) return 100 * m.passed / m.taken end,
  interval = function(m) return cx.stats.percent(cx.stats.wilson(m.passed, m.taken)) end,
}
