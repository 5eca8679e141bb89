local count = 0
local function answer(type, score, more)
  more = more or {}
  count = count + 1
  local id = more.id or "a" .. count
  send { type = type .. ".answered", id = id, subject = more.subject, unit = more.unit or "sp-01",
    time = more.time, corrects = more.corrects,
    data = { score = score, channel = "loja", survey = more.survey } }
  return id
end

-- So many promoters, passives and detractors.
local function answers(p, n, d, time)
  for _ = 1, p do answer("nps", 9, { time = time }) end
  for _ = 1, n do answer("nps", 8, { time = time }) end
  for _ = 1, d do answer("nps", 6, { time = time }) end
end

local function near(got, want) expect(math.abs(got - want) < 0.005).is(true) end

test("V3: no answers are no data, not a score of zero", function(tx)
  for _, id in ipairs { "nps", "nps-relational", "ces-mean", "ces-easy", "ces-net", "ces1-mean", "csat",
    "response-rate" } do
    expect(tx:kpi(id).value).is(nil)
    expect(tx:kpi(id).note).is "no_data"
  end
end)

test("V1: 120 promoters, 50 passives, 30 detractors", function(tx)
  at "2026-03-02 10:00"
  answers(120, 50, 30)
  local nps = tx:kpi "nps"
  expect(nps.value).is(45)
  near(nps.high - nps.value, 10.25)
  near(nps.value - nps.low, 10.25)
  expect(nps.measures.promoters).is(120)
  expect(nps.measures.detractors).is(30)
  expect(nps.measures.answers).is(200)
  local adjusted = cx.stats.nps(120, 30, 200, "adjusted")
  near(adjusted.low, 34.14)
  near(adjusted.high, 54.53)
end)

test("V5: 13.5 points more are not proven", function(tx)
  at "2026-03-02 10:00"
  answers(90, 65, 45, "2026-01-15 10:00")
  answers(110, 52, 38, "2026-02-15 10:00")
  local nps = tx:kpi("nps", { from = "2026-02-01", to = "2026-03-01", compare = "previous" })
  expect(nps.value).is(36)
  expect(nps.previous.value).is(22.5)
  expect(nps.change).is(13.5)
  expect(math.abs(nps.p - 0.0858) < 0.00005).is(true)
  expect(nps.verdict).is "not_proven"
end)

test("V7: rounded once, at the end", function(tx)
  at "2026-03-02 10:00"
  answers(100, 150, 50)
  expect(tx:kpi("nps").value).is(50 / 3)
  expect(math.floor(tx:kpi("nps").value + 0.5)).is(17)
end)

test("three answers are shown and not ranked", function(tx)
  at "2026-03-02 10:00"
  answers(1, 0, 2)
  local nps = tx:kpi "nps"
  expect(nps.value).is(-100 / 3)
  expect(nps.note).is "few_answers"
  expect(math.floor(nps.low + 0.5)).is(-85)
  expect(math.floor(nps.high + 0.5)).is(51)
end)

test("every answer, or each customer's latest", function(tx)
  at "2026-03-10 10:00"
  answer("nps", 2, { subject = "a", time = "2026-03-02 10:00" })
  answer("nps", 10, { subject = "a", time = "2026-03-05 10:00" })
  answer("nps", 9, { subject = "b", time = "2026-03-02 10:00" })
  expect(tx:kpi("nps").measures.answers).is(3)
  expect(tx:kpi("nps-relational").measures.answers).is(2)
  expect(tx:kpi("nps-relational").value).is(100)
  -- a late answer that is older takes no place
  answer("nps", 0, { subject = "b", time = "2026-03-01 10:00" })
  expect(tx:kpi("nps-relational").value).is(100)
  -- the latest of all decides, then the window
  expect(tx:kpi("nps-relational", { from = "2026-03-01", to = "2026-03-03" }).measures.answers).is(1)
end)

test("a corrected answer counts once, as corrected", function(tx)
  at "2026-03-10 10:00"
  local id = answer("nps", 2, { subject = "a", time = "2026-03-02 10:00" })
  answer("nps", 9, { subject = "a", time = "2026-03-02 10:00", corrects = id })
  expect(tx:kpi("nps").value).is(100)
  expect(tx:kpi("nps").measures.answers).is(1)
  expect(tx:kpi("nps-relational").value).is(100)
  expect(tx:kpi("nps-relational").measures.answers).is(1)
end)

test("trap 4: a score of another scale is refused, not bucketed", function(_)
  at "2026-03-02 10:00"
  for type, scores in pairs { nps = { -1, 8.5, 11 }, ces = { 0, 8 }, ces1 = { 0, 6 }, csat = { 0, 6 } } do
    for _, score in ipairs(scores) do
      expect(refused { type = type .. ".answered", data = { score = score } }.code).is "invalid_field"
    end
  end
  expect(refused { type = "nps.answered", data = { channel = "app" } }.code).is "missing_field"
  expect(refused { type = "nps.answered", data = { score = 9, scor = 9 } }.code).is "unknown_field"
end)

test("V9: three readings of CES 2.0", function(tx)
  at "2026-03-02 10:00"
  for score, n in ipairs { 8, 21, 14, 11, 16, 18, 12 } do
    for _ = 1, n do answer("ces", score) end
  end
  expect(tx:kpi("ces-mean").value).is(4.08)
  expect(tx:kpi("ces-easy").value).is(46)
  expect(tx:kpi("ces-net").value).is(-13)
  expect(tx:kpi("ces-easy").n).is(100)
end)

test("trap 1: scales never meet in one mean", function(tx)
  at "2026-03-02 10:00"
  answer("ces", 7)
  answer("ces1", 1)
  expect(tx:kpi("ces-mean").value).is(7)
  expect(tx:kpi("ces1-mean").value).is(1)
  expect(tx:kpi("ces-mean").better).is "higher"
  expect(tx:kpi("ces1-mean").better).is "lower"
end)

test("trap 2: parts make the whole, units and channels too", function(tx)
  at "2026-03-02 10:00"
  answers(4, 2, 1)
  answer("nps", 3, { unit = "rj-01" })
  send { type = "nps.answered", id = "no unit", data = { score = 7 } }
  local nps = tx:kpi("nps", { by = { "unit", "channel" } })
  for name, total in pairs(nps.measures) do
    local sum = 0
    for _, g in ipairs(nps.groups) do sum = sum + g.measures[name] end
    expect(sum).is(total)
  end
  expect(nps.measures.answers).is(9)
end)

test("trap 3: one text wherever the figure is shown", function(tx)
  at "2026-03-02 10:00"
  answers(100, 150, 50)
  local whole = tx:kpi("nps", { by = "unit" })
  expect(whole.groups[1].text).is(whole.text)
  expect(whole.groups[1].low_text).is(whole.low_text)
end)

test("csat is the share of the two best", function(tx)
  at "2026-03-02 10:00"
  for _, score in ipairs { 5, 4, 4, 3, 1 } do answer("csat", score) end
  expect(tx:kpi("csat").value).is(60)
end)

test("the response rate is of surveys that were delivered", function(tx)
  at "2026-03-02 10:00"
  local function sent(survey, state, instrument)
    send { type = "survey.sent", id = survey .. state, unit = "sp-01",
      data = { survey = survey, instrument = instrument or "nps", state = state } }
  end
  for i = 1, 5 do
    sent("s" .. i, "sent")
    sent("s" .. i, i == 5 and "bounced" or "delivered")
  end
  sent("c1", "delivered", "ces")
  answer("nps", 9, { survey = "s1" })
  answer("nps", 3, { survey = "s1" })                         -- the same survey, answered twice
  answer("nps", 9, { survey = "unknown" })
  expect(tx:kpi("response-rate").value).is(25)
end)

test("L3: promoters who bought again", function(tx)
  at "2026-03-10 10:00"
  local function order(who, time)
    send { type = "order.placed", id = who .. time, subject = who, unit = "sp-01", time = time,
      data = { order = who .. time, net = 100 } }
  end
  for _, who in ipairs { "a", "b", "c", "d" } do
    order(who, "2025-02-03 10:00")
    answer("nps", who == "d" and 3 or 10, { subject = who, time = "2025-02-05 10:00" })
  end
  order("a", "2026-02-03 10:00")
  order("d", "2026-02-03 10:00")
  expect(tx:kpi("loyalty-l3", { from = "2026-02-01", to = "2026-03-01" }).value).is(100 / 3)
end)
