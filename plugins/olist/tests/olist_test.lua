local function order(id, who, time, more)
  local data = { order = id, status = "delivered", paid = 10000 }
  for k, v in pairs(more or {}) do data[k] = v end
  send { type = "order.purchased", id = "order/" .. id, subject = who, unit = "SP", time = time,
    data = data }
end

local function review(id, time, score, message, title)
  send { type = "review.created", id = "review/" .. id, subject = "p1", unit = "SP", time = time,
    data = { review = id, order = "o" .. id, score = score, message = message, title = title } }
end

test("no review is no data, not zero", function(tx)
  expect(tx:kpi("olist-nps").value).is(nil)
  expect(tx:kpi("olist-nps").note).is "no_data"
  expect(tx:kpi("olist-score-sum").value).is(nil)
  expect(tx:kpi("olist-mean-score").value).is(nil)
  expect(tx:kpi("olist-reviews").value).is(0)
end)

test("stars become promoters, passives and detractors", function(tx)
  at "2018-03-10 12:00"
  for i, score in ipairs { 5, 5, 5, 4, 3, 2, 1 } do review(tostring(i), "2018-03-05", score) end
  local nps = tx:kpi("olist-nps")
  expect(nps.measures.promoters).is(3)
  expect(nps.measures.passives).is(1)
  expect(nps.measures.detractors).is(3)
  expect(nps.value).is(0)
  expect(tx:kpi("olist-mean-score").value).is(25 / 7)
  expect(tx:kpi("olist-score-sum").value).is(25)
end)

test("a complaint needs few stars and words in the message", function(tx)
  at "2018-03-10 12:00"
  review("1", "2018-03-05", 1, "Não chegou")
  review("2", "2018-03-05", 2, " \r\n\u{a0}\u{3000}")
  review("3", "2018-03-05", 2, nil, "Só o título")
  review("4", "2018-03-05", 3, "Demorou")
  expect(tx:kpi("olist-complaints").value).is(1)
  expect(tx:kpi("olist-reviews").measures.commented).is(2)
  expect(tx:kpi("olist-complaint-share").value).is(25)
end)

test("stars out of range are refused", function(_)
  at "2018-03-10 12:00"
  for _, score in ipairs { 0, 6, 4.5 } do
    expect(refused { type = "review.created", data = { review = "r", order = "o", score = score } }
      .code).is "invalid_field"
  end
end)

test("revenue counts delivered orders, in the month of the purchase", function(tx)
  at "2018-05-01 12:00"
  order("1", "p1", "2018-03-31 23:59:59", { paid = 1999 })
  order("2", "p2", "2018-04-01 00:00:00", { paid = 1 })
  order("3", "p3", "2018-04-02 00:00:00", { paid = 500, status = "canceled" })
  local march = { from = "2018-03-01", to = "2018-04-01" }
  local april = { from = "2018-04-01", to = "2018-05-01" }
  expect(tx:kpi("olist-revenue", march).value).is(1999)
  expect(tx:kpi("olist-revenue", april).value).is(1)
  expect(tx:kpi("olist-revenue-all", april).value).is(501)
  expect(tx:kpi("olist-average-ticket").value).is(1000)
  expect(tx:kpi("olist-orders", april).measures.canceled).is(1)
end)

test("on time by date is not on time to the second", function(tx)
  at "2018-05-01 12:00"
  local due = "2018-04-10 00:00:00"
  order("1", "p1", "2018-04-01", { delivered = "2018-04-10 18:00:00", estimated = due })
  order("2", "p2", "2018-04-01", { delivered = "2018-04-09 18:00:00", estimated = due })
  order("3", "p3", "2018-04-01", { delivered = "2018-04-11 00:00:00", estimated = due })
  order("4", "p4", "2018-04-01", { estimated = due })
  order("5", "p5", "2018-04-01",
    { status = "canceled", delivered = "2018-04-09 18:00:00", estimated = due })
  expect(tx:kpi("olist-on-time").measures.dated).is(3)
  expect(tx:kpi("olist-on-time").measures.on_time).is(2)
  expect(tx:kpi("olist-on-time-to-the-second").measures.on_time).is(1)
  expect(tx:kpi("olist-on-time").value).is(200 / 3)
end)

test("who buys twice comes back, delivered or not", function(tx)
  at "2018-05-01 12:00"
  order("1", "p1", "2018-04-01 10:00:00")
  order("2", "p1", "2018-04-01 11:00:00")
  order("3", "p1", "2018-04-09", { status = "canceled" })
  order("4", "p2", "2018-04-09")
  order("5", "p3", "2018-04-09", { status = "canceled" })
  local all = tx:kpi("olist-repeat-rate")
  expect(all.measures.customers).is(3)
  expect(all.measures.twice).is(1)
  expect(all.measures.thrice).is(1)
  expect(all.value).is(100 / 3)
  local delivered = tx:kpi("olist-repeat-rate-delivered")
  expect(delivered.measures.customers).is(2)
  expect(delivered.measures.thrice).is(0)
  expect(delivered.value).is(50)
end)

test("a leg of the funnel keeps its sign", function(tx)
  at "2018-05-01 12:00"
  order("1", "p1", "2018-04-01 10:00:00",
    { approved = "2018-04-01 12:00:00", carrier = "2018-04-01 11:00:00" })
  order("2", "p2", "2018-04-01 10:00:00", { status = "created" })
  local funnel = tx:kpi("olist-funnel").measures
  expect(funnel.purchased).is(2)
  expect(funnel.approved).is(1)
  expect(funnel.delivered).is(0)
  expect(tx:kpi("olist-approval-hours").value).is(2)
  expect(tx:kpi("olist-handling-hours").value).is(-1)
  expect(tx:kpi("olist-transport-hours").value).is(nil)
end)

test("a leg has a median and a 90th percentile", function(tx)
  at "2018-05-01 12:00"
  expect(tx:kpi("olist-delivery-median").value).is(nil)
  for hours = 1, 5 do
    order("o" .. hours, "p" .. hours, "2018-04-01 10:00:00",
      { delivered = ("2018-04-01 %d:00:00"):format(10 + hours) })
  end
  order("unknown", "p6", "2018-04-01 10:00:00")
  expect(tx:kpi("olist-delivery-median").value).is(3 * 3600000)
  expect(tx:kpi("olist-delivery-p90").value).is(4.6 * 3600000)
  expect(tx:kpi("olist-delivery-hours").value).is(3)
  expect(tx:kpi("olist-delivery-median").measures.orders).is(5)
end)

test("an order's last review decides, of equal ones the greater id", function(tx)
  at "2018-03-10 12:00"
  local function again(id, of, score, created, answered)
    send { type = "review.created", id = "review/" .. id .. "/" .. of, subject = "p1",
      unit = "SP", time = created,
      data = { review = id, order = of, score = score, answered = answered } }
  end
  again("r1", "o1", 5, "2018-03-01", "2018-03-02 10:00:00")
  again("r2", "o1", 1, "2018-03-03", "2018-03-04 10:00:00")
  again("r3", "o2", 1, "2018-03-01", "2018-03-02 10:00:00")
  again("r4", "o2", 5, "2018-03-01", "2018-03-02 10:00:00")
  again("r5", "o3", 5, "2018-03-01", nil)
  again("r0", "o3", 1, "2018-03-01", "2018-03-02 10:00:00")   -- no answer loses against any
  local nps = tx:kpi("olist-nps-dedup").measures
  expect(nps.answers).is(3)
  expect(nps.promoters).is(1)
  expect(nps.detractors).is(2)
  expect(tx:kpi("olist-nps").measures.answers).is(6)
  local first = { from = "2018-03-01", to = "2018-03-02" }
  expect(tx:kpi("olist-nps-dedup", first).measures.answers).is(2)
end)
