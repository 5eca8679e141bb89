local function s(type, more) more = more or {} more.case = "1" send { type = type, data = more, subject = "c", unit = "u" } end
test("inner", function(tx)
  at "2026-03-02 10:00"
  s "c.opened" s "c.asked"
  expect(tx:journey("case", "1").stage).is "execute"
  expect(tx:journey("repair", "1").stage).is "look"
  s "r.tried"
  expect(tx:journey("repair", "1").stage).is "fix"
  expect(tx:journey("case", "1").stage).is "execute"
  s("r.done", { ok = false })
  expect(tx:journey("repair", "1").outcome).is "failed"
  expect(tx:journey("case", "1").stage).is "receive"
  s "c.asked"
  advance "11min"
  expect(tx:journey("repair", "1#2").late).is(true)
  expect(#tx:frictions "repair").is(1)
  s "r.tried"
  s("r.done", { ok = true })
  expect(tx:journey("case", "1").stage).is "close"
  s("promise.made", { promise = "p1" })
  s "c.closed"
  expect(tx:journey("case", "1").stage).is "close"
  expect(tx:journey("case", "1").history[6].deviation).is "open_promise"
  s("promise.settled", { promise = "p1" })
  s "c.closed"
  expect(tx:journey("case", "1").outcome).is "closed"
end)
test("interrupted", function(tx)
  at "2026-03-02 10:00"
  s "c.opened" s "c.asked" s "c.closed"
  expect(tx:journey("repair", "1").outcome).is "interrupted"
  expect(tx:journey("case", "1").outcome).is "gone"
  s "c.opened" s "c.asked" s "r.tried"
  expect(tx:journey("repair", "1#2").stage).is "fix"
  expect(tx:journey("case", "1#2").stage).is "execute"
  send { type = "c.asked", time = "2026-03-02 09:00", data = { case = "1" } }     -- late, so all is folded again
  expect(tx:journey("repair", "1#2").stage).is "fix"
  advance "2d"
  expect(tx:journey("repair", "1#2").outcome).is "interrupted"
  expect(tx:journey("case", "1#2").outcome).is "quiet"
end)
