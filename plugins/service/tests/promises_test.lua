local n = 0
local function made(id, due, unit)
  send { type = "promise.made", id = "m-" .. id, unit = unit or "sp-01", subject = "c1", data = { promise = id, due = due, what = "Ligar" } }
end
local function settled(id, kept, reason)
  n = n + 1
  send { type = "promise.settled", id = "s" .. n, unit = "sp-01", data = { promise = id, kept = kept, reason = reason } }
end

test("kept, late and broken, each promise once", function(tx)
  at "2026-03-02 10:00"
  for i = 1, 4 do made("p" .. i, "2026-03-03T10:00:00-03:00") end
  expect(tx:record("promise"):get("p1").state).is "open"
  expect(tx:kpi("promises-kept").note).is "no_data"
  advance "2h"
  settled("p1", true)
  settled("p2", false, "sem peça")
  at "2026-03-03 10:01"
  expect(tx:record("promise"):get("p3").state).is "broken"
  settled("p3", true)
  expect(tx:record("promise"):get("p3").state).is "late"
  expect(tx:record("promise"):get("p2").reason).is "sem peça"
  expect(tx:kpi("promises-kept").value).is(25)
  expect(tx:kpi("promises-late").value).is(25)
  expect(tx:kpi("promises-broken").value).is(50)
  local broken = tx:record("promise"):find { state = "broken" }
  expect(#broken).is(2)
end)

test("one that is settled and was never made changes nothing", function(tx)
  at "2026-03-02 10:00"
  settled("p9", true)
  expect(tx:record("promise"):get "p9").is(nil)
end)

test("a promise that is corrected to another day is due then", function(tx)
  at "2026-03-02 10:00"
  made("p1", "2026-03-03T10:00:00-03:00")
  send { type = "promise.made", id = "again", corrects = "m-p1", unit = "sp-01", time = "2026-03-02T10:00:00-03:00",
    data = { promise = "p1", due = "2026-03-05T10:00:00-03:00" } }
  at "2026-03-04 10:00"
  expect(tx:record("promise"):get("p1").state).is "open"
  at "2026-03-05 10:01"
  expect(tx:record("promise"):get("p1").state).is "broken"
end)

test("conversion counts what was opened and decided", function(tx)
  at "2026-03-02 10:00"
  local function sale(id, state, i)
    send { type = "sale.opportunity", id = id .. state .. (i or ""), unit = "sp-01", data = { opportunity = id, state = state, channel = "loja" } }
  end
  for i = 1, 4 do sale("o" .. i, "opened") end
  sale("o1", "won")
  sale("o2", "lost")
  sale("o9", "won")                                            -- opened before
  expect(tx:kpi("conversion").value).is(50)
end)
