local n = 0
local function tell(type, more, id)
  n = n + 1
  local data = { attendance = id or "a1" }
  for k, v in pairs(more or {}) do data[k] = v end
  return send { type = type, id = "e" .. n, unit = "sp-01", subject = "c1", data = data }
end

local function until_served()
  tell("attendance.started", { channel = "loja" })
  advance "20s"
  tell "attendance.greeted"
  advance "40s"
  tell("need.stated", { need = "compra" })
  advance "10min"
  tell("service.done", { result = "sold" })
end

test("received, served and seen off", function(tx)
  at "2026-03-02 10:00"
  until_served()
  expect(tx:journey("attendance", "a1").stage).is "close"
  expect(tx:journey("attendance-execute", "a1").outcome).is "done"
  advance "1min"
  tell("attendance.ended", { solved = true })
  local j = tx:journey("attendance", "a1")
  expect(j.outcome).is "served"
  expect(j.lost).is(false)
  expect(tx:journey("attendance-receive", "a1").outcome).is "understood"
  expect(tx:journey("attendance-close", "a1").outcome).is "confirmed"
  expect(tx:kpi("ideal-way").value).is(100)
  local function median(phase) return tx:kpi("phase-median", { where = { phase = phase } }).value end
  expect(median "receive").is(60000)
  expect(median "execute").is(600000)
  expect(median "close").is(60000)
end)

test("a customer who is not greeted in time, or not at all", function(tx)
  at "2026-03-02 10:00"
  tell("attendance.started", { channel = "loja" })
  advance "31s"
  expect(tx:frictions("attendance-receive")[1].kind).is "wait"
  tell("attendance.left")
  local j = tx:journey("attendance", "a1")
  expect(j.outcome).is "left"
  expect(j.lost).is(true)
  expect(tx:journey("attendance-receive", "a1").outcome).is "interrupted"
end)

test("what the customer has to say again, and a transfer, are frictions", function(tx)
  at "2026-03-02 10:00"
  tell("attendance.started", { channel = "loja" })
  tell("need.stated", { need = "troca" })
  tell("attendance.transferred", { to = "caixa" })
  tell("need.stated", { need = "troca" })
  tell("friction.noted", { step = "execute", kind = "system-down", lost = "5min", severity = 4, by = "attendant" })
  local kinds = {}
  for i, f in ipairs(tx:frictions "attendance") do kinds[i] = f.kind end
  table.sort(kinds)
  expect(table.concat(kinds, " ")).is "repeat-info system-down transfer"
  expect(tx:journey("attendance", "a1").pass).is(2)
end)

test("nobody closes over an open promise without a reason", function(tx)
  at "2026-03-02 10:00"
  until_served()
  tell("promise.made", { promise = "p1", what = "Ligar amanhã", due = "2026-03-03T18:00:00-03:00" })
  tell("attendance.ended", { solved = true })
  local j = tx:journey("attendance", "a1")
  expect(j.stage).is "close"
  expect(j.history[#j.history].deviation).is "open_promise"
  tell("attendance.ended", { solved = true, reason = "entrega amanhã" })
  expect(tx:journey("attendance", "a1").outcome).is "served"
end)

test("an attendance opens the checklists of its phases", function(tx)
  at "2026-03-02 10:00"
  tell("attendance.started", { channel = "loja", tourist = true })
  local run = tx:sop("welcome", "a1")
  expect(#run.missing).is(4)                                   -- the language, too
  run:answer("greet", "yes")
  run:answer("name", "no")
  run:answer("need", "yes")
  run:answer("language", "es")
  run:finish()
  tell("need.stated", { need = "compra" })
  expect(tx:sop("service", "a1").state).is "open"
  expect(math.abs(tx:kpi("sop-score").value - 60) < 1e-9).is(true)           -- 3 of 5
  expect(tx:kpi("sop-adherence").value).is(50)
  expect(tx:kpi("sop-items-failed", { where = { item = "name" } }).value).is(100)
end)
