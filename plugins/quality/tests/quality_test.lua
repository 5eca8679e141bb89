local n = 0
local function visit(tx, shopper, listened, minutes)
  n = n + 1
  local run = tx:sop("mystery-visit"):begin { key = "v" .. n, unit = "sp-01", context = { shopper = shopper, scenario = "troca" } }
  for _, item in ipairs { "greeted", "respect", "found", "explained", "clean" } do run:answer(item, "yes") end
  run:answer("listened", listened and "yes" or "no")
  run:answer("minutes", minutes or 3)
  run:answer("front", "na")
  run:finish()
  return run
end

test("a visit is scored by its sections, and told when the embargo is over", function(tx)
  at "2026-03-02 10:00"
  -- service 2 of 4, product and environment whole, efficiency 0: 0.4·0.5 + 0.3 + 0 + 0.1
  expect(math.abs(visit(tx, "s1", false, 9).score - 0.6) < 1e-9).is(true)
  expect(tx:kpi("mystery-score").note).is "no_data"
  advance "13d"
  expect(tx:kpi("mystery-score").note).is "no_data"
  advance "2d"
  expect(math.abs(tx:kpi("mystery-score").value - 60) < 1e-9).is(true)
  expect(tx:kpi("mystery-items-missed", { where = { item = "listened" } }).value).is(100)
  expect(tx:kpi("mystery-items-missed", { where = { item = "found" } }).value).is(0)
end)

test("disrespect is worth no service at all", function(tx)
  at "2026-03-02 10:00"
  local run = tx:sop("mystery-visit"):begin { key = "v", unit = "sp-01", context = { shopper = "s1" } }
  for _, item in ipairs { "greeted", "listened", "found", "explained", "clean" } do run:answer(item, "yes") end
  run:answer("respect", "no")
  run:answer("minutes", 2)
  run:answer("front", "na")
  run:finish()
  expect(math.abs(run.score - 0.6) < 1e-9).is(true)
end)

test("a shopper who is harsher than the others drifts", function(tx)
  at "2026-03-02 10:00"
  for _ = 1, 6 do
    visit(tx, "s1", true)
    visit(tx, "s2", true)
    visit(tx, "s3", false, 9)
  end
  advance "15d"
  local function drift(who) return tx:kpi("shopper-drift", { where = { shopper = who } }) end
  local harsh = drift "s3"
  expect(harsh.value).is(-40)                                  -- 60 against 100
  expect(harsh.note).is "few_answers"
  expect(drift("s1").value > 0).is(true)
  expect(tx:kpi("mystery-range").value).is(40)
end)

local function observed(tx, plan, minutes, approached)
  n = n + 1
  local run = tx:sop("field-observation"):begin { key = "f" .. n, unit = "sp-01", context = { plan = plan } }
  run:answer("begin", "2026-03-02T10:00:00-03:00")
  run:answer("end", ("2026-03-02T10:%02d:00-03:00"):format(minutes))
  run:answer("approached", approached)
  run:finish()
end

test("behaviours are counted by the hour observed, with and without a plan apart", function(tx)
  at "2026-03-02 12:00"
  observed(tx, "manhãs", 30, 6)
  observed(tx, "manhãs", 15, 0)
  observed(tx, nil, 30, 30)
  expect(math.abs(tx:kpi("field-approached").value - 8) < 1e-9).is(true)   -- 6 in 45 minutes
  expect(tx:kpi("field-approached-no-plan").value).is(60)
  expect(tx:kpi("field-waited").value).is(0)
  expect(tx:kpi("field-waited-no-plan").value).is(0)
end)

test("nothing observed is no data", function(tx)
  expect(tx:kpi("field-approached").note).is "no_data"
end)

test("a quiz is passed from its mark on", function(tx)
  at "2026-03-02 10:00"
  local function take(key, close)
    local run = tx:sop("quiz-service"):begin { key = key, unit = "sp-01" }
    run:answer("greet", "30 segundos")
    run:answer("promise", "registrar com data")
    run:answer("detractor", "0 a 6")
    run:answer("close", close)
    run:finish()
    return run
  end
  expect(take("q1", "o próximo passo, com data").passed).is(true)
  expect(take("q2", "um brinde").passed).is(false)
  expect(tx:kpi("quiz-passed").value).is(50)
end)
