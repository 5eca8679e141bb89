-- Days as the law counts them: due at the first instant of the day after the last one.
local function case(tx, id)
  local out = {}
  for _, c in ipairs(tx:journey("complaint", id).clocks) do out[c.rule] = c end
  return out
end

local n = 0
local function moved(id, move, reason)
  n = n + 1
  return send { type = "complaint.moved", id = "m" .. n, data = { complaint = id, move = move, reason = reason } }
end

local function opened(id, channel, instance)
  send { type = "complaint.opened", id = "o-" .. id, unit = "sp-01", subject = "c1",
    data = { complaint = id, channel = channel, instance = instance, category = "entrega" } }
end

local TABLE <const> = {
  -- registered, channel, instance, rule, due (the last day is the one before)
  { "2026-10-30 10:00", "sac", 2, "ombudsman", "2026-11-17T00:00:00-03:00" },     -- 2 Nov; V16
  { "2026-02-11 10:00", "sac", 2, "ombudsman", "2026-02-26T00:00:00-03:00" },     -- carnival is no national holiday
  { "2026-11-13 10:00", "sac", 2, "ombudsman", "2026-12-01T00:00:00-03:00" },     -- 20 Nov
  { "2023-11-13 10:00", "sac", 2, "ombudsman", "2023-11-29T00:00:00-03:00" },     -- 20 Nov was none: 15 Nov
  { "2024-02-22 10:00", "sac", nil, "sac", "2024-03-01T00:00:00-03:00" },         -- 29 February
  { "2026-11-13 23:59", "sac", nil, "sac", "2026-11-24T00:00:00-03:00" },         -- a holiday, then a week-end
  { "2026-03-28 10:00", "sac", nil, "sac", "2026-04-07T00:00:00-03:00" },         -- Saturday after Good Friday
  { "2026-10-01 10:00", "sac", 2, "ans", "2026-10-14T00:00:00-03:00" },           -- 12 Oct
  { "2026-10-02 10:00", "consumidor_gov", nil, "consumidor-gov", "2026-10-14T00:00:00-03:00" },
}

for _, row in ipairs(TABLE) do
  test(("%s of a case of %s"):format(row[4], row[1]), function(tx)
    config { rules = "sac, ombudsman, consumidor-gov, ans, policy" }
    at(row[1])
    opened("r1", row[2], row[3])
    expect(case(tx, "r1")[row[4]].due).is(row[5])
  end)
end

test("a case shows every rule that binds it and no other, with the article", function(tx)
  config { rules = "sac, ombudsman, consumidor-gov, ans, policy" }
  at "2026-10-30 10:00"
  opened("r1", "sac")
  local clocks = case(tx, "r1")
  expect(clocks.sac.article).is "Decreto 11.034/2022, art. 13"
  expect(clocks.policy.due).is "2026-11-06T00:00:00-03:00"     -- 3bd of the unit, without 2 Nov
  expect(clocks.ombudsman).is(nil)
  expect(clocks["consumidor-gov"]).is(nil)
end)

test("a company that no law binds has its policy", function(tx)
  at "2026-10-30 10:00"
  opened("r1", "sac", 2)
  local clocks = tx:journey("complaint", "r1").clocks
  expect(#clocks).is(1)
  expect(clocks[1].rule).is "policy"
end)

test("the law of the day it was registered on binds the case", function(tx)
  config { rules = "sac" }
  at "2022-09-30 10:00"
  opened("r1", "sac")
  expect(case(tx, "r1")["sac-2008"].due).is "2022-10-08T00:00:00-03:00"
  expect(case(tx, "r1").sac).is(nil)
  at "2022-10-03 00:00"
  opened("r2", "sac")
  expect(case(tx, "r2").sac.due).is "2022-10-11T00:00:00-03:00"
  expect(case(tx, "r2")["sac-2008"]).is(nil)
end)

test("the ombudsman's time is extended once, for a reason, and escalation keeps the first clock", function(tx)
  config { rules = "sac, ombudsman" }
  at "2026-10-19 10:00"
  opened("r1", "sac")
  at "2026-10-30 10:00"
  moved("r1", "escalated")
  local clocks = case(tx, "r1")
  expect(clocks.sac.state).is "overdue"
  expect(clocks.sac.begun).is "2026-10-19T10:00:00-03:00"
  expect(clocks.ombudsman.due).is "2026-11-17T00:00:00-03:00"
  advance "1d"
  moved("r1", "extended")
  expect(case(tx, "r1").ombudsman.refused[1].why).is "no_reason"
  moved("r1", "extended", "perícia")
  expect(case(tx, "r1").ombudsman.due).is "2026-12-02T00:00:00-03:00"      -- 20 business days
  moved("r1", "extended", "de novo")
  local ombudsman = case(tx, "r1").ombudsman
  expect(ombudsman.due).is "2026-12-02T00:00:00-03:00"
  expect(ombudsman.refused[2].why).is "already_extended"
  expect(#ombudsman.extensions).is(1)
  local history = tx:journey("complaint", "r1").history
  expect(history[#history].deviation).is "extension_refused"
end)

test("what the customer owes stops the company's own clock, and no other", function(tx)
  config { rules = "sac, policy", policy = "5bd" }
  at "2026-03-02 10:00"                                          -- a Monday
  opened("r1", "sac")
  expect(case(tx, "r1").policy.due).is "2026-03-10T00:00:00-03:00"
  at "2026-03-04 10:00"
  moved("r1", "info_asked", "nota fiscal")
  local paused = case(tx, "r1")
  expect(paused.policy.paused.reason).is "nota fiscal"
  expect(paused.policy.due).is(nil)
  expect(paused.sac.due).is "2026-03-10T00:00:00-03:00"
  at "2026-03-09 15:00"                                          -- Wednesday, Thursday, Friday
  moved("r1", "info_received")
  local resumed = case(tx, "r1").policy
  expect(resumed.due).is "2026-03-13T00:00:00-03:00"
  expect(resumed.pauses[1].reason).is "nota fiscal"
end)

test("a clock that is missed is told once, and an answer stops it", function(tx)
  config { rules = "sac" }
  at "2026-03-02 10:00"
  opened("r1", "sac")
  opened("r2", "sac")
  at "2026-03-05 10:00"
  moved("r2", "answered")
  at "2026-03-20 10:00"
  expect(case(tx, "r1").sac.state).is "overdue"
  local answered = case(tx, "r2").sac
  expect(answered.state).is "stopped"
  expect(answered.late).is(false)
  expect(tx:kpi("complaint-deadlines-missed", { by = "rule" }).groups[1].value).is(1)
  expect(#tx:frictions "complaint").is(1)
  moved("r1", "answered")
  expect(case(tx, "r1").sac.state).is "stopped"
  expect(case(tx, "r1").sac.late).is(true)
end)

test("an answer that comes to be known late takes back that it was missed", function(tx)
  config { rules = "sac" }
  at "2026-03-02 10:00"
  opened("r1", "sac")
  at "2026-03-20 10:00"
  expect(case(tx, "r1").sac.late).is(true)
  send { type = "complaint.moved", id = "late", time = "2026-03-03T10:00:00-03:00",
    data = { complaint = "r1", move = "answered" } }
  expect(case(tx, "r1").sac.late).is(false)
  expect(case(tx, "r1").sac.stopped).is "2026-03-03T10:00:00-03:00"
end)
