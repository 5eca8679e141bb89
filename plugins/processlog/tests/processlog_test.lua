local function done(case, activity, time, more)
  local event = { type = "activity.done", time = time, data = { case = case, activity = activity } }
  for k, v in pairs(more or {}) do event[k] = v end
  return send(event)
end

local function way(i)
  local out = {}
  for _, move in ipairs(i.history) do out[#out + 1] = move.to or ("[%s]"):format(move.type) end
  return table.concat(out, " ")
end

test("stages are the activities that occur, the same one again is a new pass", function(tx)
  at "2026-03-02 10:00"
  done("c1", "Abrir chamado")
  done("c1", "Atender")
  done("c1", "Atender")
  done("c2", "Atender")
  local i = tx:journey("case", "c1")
  expect(i.stage).is "Atender"
  expect(i.pass).is(2)
  expect(way(i)).is "Abrir chamado Atender Atender"
  expect(i.waits_for[1]).is "activity.done"
  expect(tx:journey("case", "c2").pass).is(1)
  expect(tx:kpi("process-events").value).is(4)
  expect(tx:kpi("process-cases").value).is(2)
  expect(tx:kpi("process-cases", { where = { activity = "Atender" } }).value).is(2)
end)

test("what comes late takes its place", function(tx)
  at "2026-03-02 10:00"
  done("c1", "Abrir", "2026-03-02 08:00")
  done("c1", "Fechar", "2026-03-02 09:00")
  done("c1", "Atender", "2026-03-02 08:30")
  expect(way(tx:journey("case", "c1"))).is "Abrir Atender Fechar"
  expect(tx:journey("case", "c1").stage).is "Fechar"
  expect(tx:kpi("process-cases-started", { where = { activity = "Abrir" } }).value).is(1)
  expect(tx:kpi("process-cases-last", { where = { activity = "Fechar" } }).value).is(1)
end)

test("a corrected activity is another stage", function(tx)
  at "2026-03-02 10:00"
  done("c1", "Abrir", nil, { id = "a" })
  done("c1", "Fechar", nil, { id = "b" })
  done("c1", "Esperar", nil, { id = "c", corrects = "b" })
  expect(way(tx:journey("case", "c1"))).is "Abrir Esperar"
end)

test("an activity without a name is refused, an empty one is no stage", function(tx)
  at "2026-03-02 10:00"
  expect(refused { type = "activity.done", data = { case = "c1" } }.code).is "missing_field"
  done("c1", "")
  expect(tx:journey("case", "c1")).is(nil)
  done("c1", "Abrir")
  done("c1", "")
  expect(way(tx:journey("case", "c1"))).is "Abrir"
end)

test("a case stays open, unless the conf says after how long it ends", function(tx)
  at "2026-03-02 10:00"
  done("c1", "Abrir")
  advance "400d"
  expect(tx:journey("case", "c1").outcome).is(nil)
end)

test("idle ends a silent case, and what comes then begins the next", function(tx)
  config { idle = "30d" }
  at "2026-03-02 10:00"
  done("c1", "Abrir")
  advance "29d"
  done("c1", "Atender")
  advance "29d"
  expect(tx:journey("case", "c1").stage).is "Atender"
  advance "1d"
  expect(tx:journey("case", "c1").outcome).is "silent"
  advance "1min"
  done("c1", "Reabrir")
  expect(tx:journey("case", "c1#2").stage).is "Reabrir"
end)

test("activities that end a case, well or lost", function(tx)
  config { ends = "Fechar, Arquivar", lost = "Cancelar" }
  at "2026-03-02 10:00"
  done("c1", "Abrir")
  done("c1", "Fechar")
  done("c1", "Abrir")
  done("c2", "Cancelar")
  expect(tx:journey("case", "c1").outcome).is "Fechar"
  expect(tx:journey("case", "c1").lost).is(false)
  expect(way(tx:journey("case", "c1"))).is "Abrir Fechar [activity.done]"
  expect(tx:journey("case", "c1#2").stage).is "Abrir"
  expect(tx:journey("case", "c2").lost).is(true)
end)

test("other columns become fields, and dimensions", function(tx)
  config { keep = "Nível de serviço, case, org:group" }
  at "2026-03-02 10:00"
  send { type = "activity.done", data = { case = "c1", activity = "Abrir", nivel_de_servico = "ouro",
    log_case = "x", org_group = "g" } }
  expect(tx:kpi("process-events", { where = { nivel_de_servico = "ouro" } }).value).is(1)
  expect(tx:kpi("process-events", { where = { org_group = "h" } }).value).is(0)
end)
