-- The checklists of the three phases. A change of one is a new version number; runs that have begun
-- stay on theirs.
local EMITS <const> = { run = "sop.run", item = "sop.item" }
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end

cx.sop "welcome" { version = 1, title = title("POP de recepção", "Welcome SOP"), role = "attendant", pass = 0.9, emits = EMITS,
  items = {
    cx.item "greet" { text = "Cumprimentar em até 30 segundos", critical = true },
    cx.item "name" { text = "Perguntar e usar o nome do cliente", weight = 2 },
    cx.item "need" { text = "Repetir com suas palavras o que o cliente precisa", weight = 2 },
    cx.item "language" { text = "Idioma do cliente", kind = "choice", choices = { "pt", "es", "en", "outro" }, weight = 0,
      when = function(run) return run.context.tourist end },
  },
}
cx.sop "service" { version = 1, title = title("POP de atendimento", "Service SOP"), role = "attendant", pass = 0.9, emits = EMITS,
  items = {
    cx.item "options" { text = "Mostrar ao menos duas opções" },
    cx.item "terms" { text = "Dizer preço, prazo e garantia", critical = true },
    cx.item "promise" { text = "Registrar o que ficou prometido, com data", weight = 2 },
    cx.item "photo" { text = "Foto do produto recebido de volta", kind = "photo", evidence = true,
      when = function(run) return run.answers.returned == "yes" end },
    cx.item "returned" { text = "O cliente deixou um produto?", weight = 0 },
  },
}
cx.sop "closing" { version = 1, title = title("POP de fechamento", "Closing SOP"), role = "attendant", pass = 0.9, emits = EMITS,
  items = {
    cx.item "confirm" { text = "Confirmar com o cliente que ficou resolvido", critical = true },
    cx.item "next" { text = "Dizer o próximo passo e a data", weight = 2 },
    cx.item "survey" { text = "Convidar para a pesquisa" },
  },
}
