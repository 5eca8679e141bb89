local n = 0
local function moved(id, move, more)
  n = n + 1
  local data = { complaint = id, move = move }
  for k, v in pairs(more or {}) do data[k] = v end
  send { type = "complaint.moved", id = "m" .. n, data = data }
end

local function opened(id)
  send { type = "complaint.opened", id = "o-" .. id, unit = "sp-01",
    data = { complaint = id, channel = "loja", category = "produto" } }
end

test("a case goes from its registration to the customer's rating", function(tx)
  at "2026-03-02 10:00"
  opened "r1"
  expect(tx:journey("complaint", "r1").stage).is "open"
  advance "2h"
  moved("r1", "answered")
  expect(tx:journey("complaint", "r1").stage).is "answered"
  advance "2h"
  moved("r1", "resolved")
  advance "2h"
  moved("r1", "rated", { solved_by_consumer = false, rating = 2 })
  local case = tx:journey("complaint", "r1")
  expect(case.outcome).is "not-solved"
  expect(case.lost).is(true)
  expect(#case.history).is(4)
end)

test("one that nobody rates is closed", function(tx)
  at "2026-03-02 10:00"
  opened "r1"
  moved("r1", "resolved")
  advance "19d"
  expect(tx:journey("complaint", "r1").stage).is "resolved"
  advance "2d"
  expect(tx:journey("complaint", "r1").outcome).is "unrated"
end)

test("one that is opened again goes round once more", function(tx)
  at "2026-03-02 10:00"
  opened "r1"
  moved("r1", "answered")
  moved("r1", "reopened")
  local case = tx:journey("complaint", "r1")
  expect(case.stage).is "open"
  expect(case.pass).is(2)
end)

test("the share of cases that went to the ombudsman", function(tx)
  at "2026-03-02 10:00"
  expect(tx:kpi("complaints-escalated").note).is "no_data"
  opened "r1"
  opened "r2"
  moved("r1", "escalated")
  moved("r1", "escalated")
  expect(tx:kpi("complaints-escalated").value).is(50)
  expect(tx:journey("complaint", "r1").stage).is "ombudsman"
  expect(tx:journey("complaint", "r1").pass).is(1)
end)
