local function e(type, more) more = more or {} more.k = "1" send { type = type, data = more, subject = "c", unit = "b07" } end
local function stage(tx, id, name) local j = tx:journey(id, name or "1") return j and (j.stage or j.outcome) end
local function deviations(tx, id, name)
  local out = {}
  for _, h in ipairs(tx:journey(id, name or "1").history) do if h.deviation then out[#out + 1] = h.deviation end end
  return table.concat(out, " ")
end

test("start: a type, a list, and like leave", function(tx)
  e "b.b" expect(stage(tx, "many")).is "one" expect(tx:journey("single", "1")).is_nil()
  e("m.m", { to = "no" }) expect(tx:journey("moved", "1")).is_nil()
  e("m.m", { to = "two" }) expect(stage(tx, "moved")).is "two"
end)
test("a start type moves an open instance where the stage lists it, else it is a deviation", function(tx)
  e "a.a" e "a.a"
  expect(stage(tx, "single")).is "one" expect(deviations(tx, "single")).is "unexpected"
  expect(stage(tx, "many")).is "two" expect(deviations(tx, "many")).is ""
end)
test("after the end it opens key#2 unless again = false", function(tx)
  e "a.a" e "z.z" e "a.a"
  expect(stage(tx, "single")).is "over" expect(stage(tx, "single", "1#2")).is "one"
  expect(stage(tx, "once")).is "over" expect(tx:journey("once", "1#2")).is_nil() expect(deviations(tx, "once")).is "unexpected"
end)
test("key: a field or the subject; null is 422 for the start event and no move otherwise", function(tx)
  expect(refused { type = "a.a", subject = "c", data = {} }.code).is "missing_field"
  expect(refused { type = "a.a", data = { k = "1" } }.field).is "subject"
  send { type = "z.z", data = {} }
  e "a.a" expect(stage(tx, "person", "c")).is "one"
end)
test("entering a stage again is a new pass: within starts anew", function(tx)
  at "2026-03-02 10:00" e "a.a"
  advance "4min" e("m.m", { to = "one" })
  expect(tx:journey("loop", "1").pass).is(2)
  advance "4min" expect(tx:journey("loop", "1").late).is(false)
  advance "2min" expect(tx:journey("loop", "1").late).is(true)
  e("m.m", { to = "one" }) expect(tx:journey("loop", "1").late).is(false)
  advance "1h" expect(#tx:frictions "loop").is(2)
end)
test("only nil stays; a wrong target fails by name", function(tx)
  e "a.a" e("m.m", {}) expect(tx:journey("loop", "1").pass).is(1)
  local r = (function() return send { type = "m.m", subject = "c", data = { k = "1", to = "onne" } } end)()
  expect(r.warnings[1].message).has 'did you mean "one"'
  expect(stage(tx, "loop")).is "one"
end)
test("cx.all counts from the start; a stage entered with one complete is left at once", function(tx)
  e "a.a" e "p.p" e "q.q"
  expect(stage(tx, "alls")).is "one" expect(deviations(tx, "alls")).is ""
  e("m.m", { to = "wait" }) expect(stage(tx, "alls")).is "done"
end)
test("fresh waits anew", function(tx)
  e "a.a" e "p.p" e "q.q"
  e("m.m", { to = "anew" }) expect(stage(tx, "alls")).is "anew"
  e "p.p" expect(stage(tx, "alls")).is "anew"
  e "q.q" expect(stage(tx, "alls")).is "done"
end)
test("an exact type goes before a cx.all, whose function gets the last event", function(tx)
  e "a.a" e "p.p" e("m.m", { to = "exact" })
  e("q.q", { to = "x" }) expect(stage(tx, "alls")).is "done"
  expect(tx:journey("alls", "1").history[3].type).is "q.q"
end)
test("j has what it says", function(tx)
  e("a.a", { to = "hello" }) e "p.p" e "p.p" e("m.m", { to = "look" })
  expect(stage(tx, "alls")).is "1 one c b07 hello 1 2"
end)
test("at most 16 stages an event", function(tx)
  e "a.a" e "p.p"
  local r = send { type = "m.m", subject = "c", data = { k = "1", to = "circle" } }
  expect(r.warnings[1].message).has "16 stages" expect(stage(tx, "alls")).is "one"
end)
test("idle is counted from the last event", function(tx)
  at "2026-03-02 10:00" e "a.a"
  advance "50min" e "z.y" advance "50min" expect(stage(tx, "once")).is "one"
  advance "11min" expect(stage(tx, "once")).is "quiet" expect(tx:journey("once", "1").lost).is(true)
end)
test("within in business hours of the unit", function(tx)
  at "2026-03-06 17:30" e "a.a"                                    -- a Friday
  expect(tx:journey("office", "1").due).is "2026-03-09T09:30:00-03:00"
end)
test("a deadline that falls on an event's instant is kept", function(tx)
  at "2026-03-02 10:00" e "a.a"
  advance "5min" e("m.m", { to = "two" })
  expect(stage(tx, "loop")).is "two" expect(deviations(tx, "loop")).is ""
  expect(#tx:frictions "loop").is(0)
end)
