-- An attendance and the three micro-journeys inside it.
local function title(pt, en) return { ["pt-BR"] = pt, en = en } end
local LEFT <const> = cx.done("left", { lost = true })

local function wait(j, stage, tx) tx:friction { journey = j, stage = stage, kind = "wait" } end

cx.journey "attendance-receive" { title = title("Receber", "Receive"), owner = "store-manager", tier = "operational",
  stages = {
    cx.stage "wait" { title = title("Esperar", "Wait"), within = cx.config.greet,
      leave = { ["attendance.greeted"] = "listen", ["need.stated"] = cx.done "understood" } },
    cx.stage "listen" { title = title("Ouvir", "Listen"), leave = { ["need.stated"] = cx.done "understood" } },
  },
  on_late = wait,
}
cx.journey "attendance-execute" { title = title("Executar", "Execute"), owner = "store-manager", tier = "operational",
  stages = {
    cx.stage "serve" { title = title("Atender", "Serve"),
      leave = { ["attendance.transferred"] = "serve", ["service.done"] = cx.done "done" } },
  },
}
cx.journey "attendance-close" { title = title("Fechar", "Close"), owner = "store-manager", tier = "operational",
  stages = {
    cx.stage "confirm" { title = title("Confirmar", "Confirm"), leave = { ["attendance.ended"] = cx.done "confirmed" } },
  },
}

local function ended(e)
  return e.solved and cx.done "served" or cx.done("unsolved", { lost = true })
end

cx.journey "attendance" { title = title("Atendimento", "Attendance"), owner = "store-manager", tier = "tactical",
  key = "attendance", start = "attendance.started", by = { "unit", "channel" },
  stages = {
    cx.stage "receive" { title = title("Receber", "Receive"), journey = "attendance-receive", sop = "welcome",
      within = cx.config.receive, window = "1d",
      leave = { [cx.ended "understood"] = "execute", ["attendance.left"] = LEFT } },
    cx.stage "execute" { title = title("Executar", "Execute"), journey = "attendance-execute",
      sop = { "service", required = cx.config.checklist }, within = cx.config.execute, window = "1d",
      leave = { [cx.ended "done"] = "close", ["service.done"] = "close", ["need.stated"] = "execute", ["attendance.left"] = LEFT } },
    -- Held back by a promise it is still there, without what is inside.
    cx.stage "close" { title = title("Fechar", "Close"), journey = "attendance-close", sop = "closing",
      within = cx.config.close, window = "1d",
      leave = { [cx.ended()] = ended, ["attendance.ended"] = ended, ["need.stated"] = "execute", ["attendance.left"] = LEFT } },
  },
  ideal = { { "receive", within = cx.config.receive }, { "execute", within = cx.config.execute, weight = 2 },
    { "close", within = cx.config.close } },
  promises = { made = "promise.made", settled = "promise.settled", id = "promise", due = "due", reason = "reason" },
  idle = { after = "4h", outcome = cx.done("abandoned", { lost = true }) },
  on_late = wait,
}
