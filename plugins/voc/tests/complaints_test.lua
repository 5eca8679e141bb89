local function opened(case, channel, id)
  send { type = "complaint.opened", id = id or case, unit = "sp-01",
    data = { complaint = case, category = "entrega", channel = channel or "sac" } }
end

local function orders(n)
  for i = 1, n do
    send { type = "order.placed", id = "o" .. i, subject = "c" .. (i + 1) // 2, unit = "sp-01",
      data = { order = "o" .. i, net = 100 } }
  end
end

test("a case told through two channels is one case", function(tx)
  at "2026-03-09 10:00"
  opened("r1", "sac")
  opened("r1", "procon", "r1 again")
  opened("r2", "sac")
  local complaints = tx:kpi("complaints", { by = "channel" })
  expect(complaints.value).is(2)
  expect(#complaints.groups).is(2)
  local sum = 0
  for _, g in ipairs(complaints.groups) do sum = sum + g.value end
  expect(sum).is(3)                                            -- in the total it counts once
end)

test("complaints are counted against orders and customers", function(tx)
  at "2026-03-09 10:00"
  opened "r1"
  expect(tx:kpi("complaints-per-1000-orders").value).is(nil)
  expect(tx:kpi("complaints-per-1000-orders").note).is "no_data"
  expect(tx:kpi("complaints-per-1000-customers").value).is(nil)
  orders(8)                                                    -- of four customers
  opened "r2"
  local rate = tx:kpi "complaints-per-1000-orders"
  expect(rate.value).is(250)
  expect(tx:kpi("complaints-per-1000-customers").value).is(500)
  -- Garwood's exact limits of 2: 0.2422 to 7.2247
  expect(math.abs(rate.low - 0.2422 / 0.008) < 0.01).is(true)
  expect(math.abs(rate.high - 7.2247 / 0.008) < 0.01).is(true)
end)

test("two readings of what is solved", function(tx)
  at "2026-03-20 10:00"
  local function moved(case, move, day, solved)
    send { type = "complaint.moved", id = case .. move .. day, unit = "sp-01",
      time = "2026-03-" .. day .. " 10:00",
      data = { complaint = case, move = move, solved_by_consumer = solved } }
  end
  for _, case in ipairs { "a", "b", "c", "d" } do moved(case, "resolved", "10") end
  moved("e", "answered", "10")
  moved("a", "rated", "11", true)
  moved("b", "rated", "11", false)
  expect(tx:kpi("complaints-solved-rated").value).is(50)
  expect(tx:kpi("complaints-solved-or-unrated").value).is(75)
  moved("b", "rated", "12", true)                              -- thought better of it
  expect(tx:kpi("complaints-solved-rated").value).is(100)
  expect(tx:kpi("complaints-solved-rated").measures.rated).is(2)
  expect(tx:kpi("complaints-solved-rated").measures.finished).is(4)
end)
