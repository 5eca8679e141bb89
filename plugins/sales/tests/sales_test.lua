local count = 0

local function order(who, time, net, more)
  count = count + 1
  local data = { order = "o" .. count, net = net or 10000, channel = "loja" }
  for k, v in pairs(more or {}) do data[k] = v end
  send { type = "order.placed", id = data.order, subject = who, unit = data.unit or "sp-01",
    time = time, data = { order = data.order, net = data.net, channel = data.channel,
      member = data.member, gross = data.gross } }
  return { order = data.order, ordered = time }
end

local function adjust(o, kind, time, amount, id)
  send { type = "order.adjusted", id = id or kind .. "-" .. o.order, unit = "sp-01", time = time,
    data = { order = o.order, ordered = o.ordered, kind = kind, amount = amount,
      channel = "loja" } }
end

local MARCH <const> = { from = "2026-03-01", to = "2026-04-01" }
local APRIL <const> = { from = "2026-04-01", to = "2026-05-01" }

test("no orders are no data, not a ticket of zero", function(tx)
  for _, id in ipairs { "average-ticket", "average-ticket-restated", "ticket-median",
    "identified-share", "repeat-rate-r1", "returning-share-r2", "loyalty-l2" } do
    expect(tx:kpi(id, MARCH).value).is(nil)
    expect(tx:kpi(id, MARCH).note).is "no_data"
  end
  expect(tx:kpi("revenue").value).is(0)
  expect(tx:kpi("orders").value).is(0)
end)

test("the ledger books a cancellation when it happens, the restated figure with its order", function(tx)
  at "2026-05-10 12:00"
  local cancelled = order("a", "2026-03-30 10:00", 5000)
  order("b", "2026-03-31 10:00", 3000)
  order("c", "2026-04-02 10:00", 2000)
  adjust(cancelled, "cancel", "2026-04-03 10:00", -5000)
  expect(tx:kpi("revenue", MARCH).value).is(8000)
  expect(tx:kpi("revenue", APRIL).value).is(-3000)             -- a negative month is allowed
  expect(tx:kpi("revenue-gross", MARCH).value).is(8000)
  expect(tx:kpi("revenue-gross", APRIL).value).is(2000)
  expect(tx:kpi("revenue-restated", MARCH).value).is(3000)
  expect(tx:kpi("revenue-restated", APRIL).value).is(2000)
  expect(tx:kpi("orders", APRIL).value).is(0)
  expect(tx:kpi("average-ticket", APRIL).value).is(nil)
  expect(tx:kpi("average-ticket-restated", MARCH).value).is(3000)
  expect(tx:kpi("average-ticket-restated", APRIL).value).is(2000)
  expect(tx:kpi("revenue").value).is(tx:kpi("revenue-restated").value)
end)

test("what is given back takes away, with or without a minus", function(tx)
  at "2026-03-10 12:00"
  local a, b = order("a", "2026-03-02 10:00", 5000), order("b", "2026-03-02 10:00", 5000)
  adjust(a, "refund", "2026-03-03 10:00", -1500)
  adjust(b, "refund", "2026-03-03 10:00", 500)
  expect(tx:kpi("revenue").value).is(8000)
  expect(tx:kpi("average-ticket").value).is(4000)              -- only the numerator fell
end)

test("an exchange is one order; ticket times orders is revenue", function(tx)
  at "2026-03-10 12:00"
  local a = order("a", "2026-03-02 10:00", 1999)
  local c = order("c", "2026-03-02 11:00", 4000)
  order("b", "2026-03-02 18:00", 2)
  adjust(a, "exchange", "2026-03-03 10:00", 501)               -- for something dearer
  adjust(c, "cancel", "2026-03-04 10:00", -4000)
  local ticket = tx:kpi "average-ticket"
  expect(ticket.measures.placed - ticket.measures.cancelled).is(2)
  expect(ticket.value).is(1251)
  expect(tx:kpi("revenue").value).is(2502)
  expect(tx:kpi("orders").value).is(2)
end)

test("a correction stands in the place of what it corrects", function(tx)
  at "2026-03-10 12:00"
  local a = order("a", "2026-03-02 10:00", 5000)
  order("b", "2026-03-02 10:00", 3000)
  adjust(a, "cancel", "2026-03-03 10:00", -5000)
  expect(tx:kpi("revenue").value).is(3000)
  send { type = "order.adjusted", id = "better", corrects = "cancel-" .. a.order, unit = "sp-01",
    time = "2026-03-03 10:00", data = { order = a.order, ordered = a.ordered, kind = "refund",
      amount = 1000, channel = "loja" } }
  expect(tx:kpi("revenue").value).is(7000)
  expect(tx:kpi("orders").value).is(2)
  expect(tx:kpi("average-ticket-restated").value).is(3500)
end)

test("the median ticket is exact", function(tx)
  at "2026-03-10 12:00"
  for i, net in ipairs { 1000, 90000, 2001, 2000 } do order("c" .. i, "2026-03-02 10:00", net) end
  expect(tx:kpi("ticket-median").value).is(2000.5)
end)

test("anonymous orders are in the revenue and in no customer's figure", function(tx)
  at "2026-03-10 12:00"
  order("a", "2026-03-02 10:00", 100, { member = true })
  order("b", "2026-03-02 10:00", 300)
  order(nil, "2026-03-02 10:00", 500)
  order(nil, "2026-03-02 10:00", 700, { member = true })
  expect(tx:kpi("revenue").value).is(1600)
  expect(tx:kpi("customers").value).is(2)
  expect(tx:kpi("identified-share").value).is(50)
  expect(tx:kpi("loyalty-l2").value).is(25)
end)

test("R1 and R2 are two figures: V17", function(tx)
  at "2026-04-10 12:00"
  order("a", "2026-03-02 10:00")
  order("a", "2026-03-09 10:00")
  order("b", "2026-03-03 10:00")
  order("b", "2026-03-03 18:00")                               -- a second receipt on the same day
  order("c", "2026-02-20 10:00")
  order("c", "2026-03-04 10:00")
  order("d", "2026-03-05 10:00")
  local r1, r2 = tx:kpi("repeat-rate-r1", MARCH), tx:kpi("returning-share-r2", MARCH)
  expect(r1.value).is(25)
  expect(r1.measures.buyers).is(4)
  expect(r1.measures.returned).is(1)
  expect(r2.value).is(25)
  expect(tx:kpi("customers", MARCH).value).is(4)
end)

test("a customer of two stores is one customer", function(tx)
  at "2026-03-10 12:00"
  order("a", "2026-03-02 10:00", 100)
  order("a", "2026-03-03 10:00", 100, { unit = "rj-01" })
  expect(tx:kpi("customers").value).is(1)
  expect(tx:kpi("repeat-rate-r1").value).is(100)
  local by = tx:kpi("repeat-rate-r1", { by = "unit" }).groups
  expect(#by).is(2)
  expect(by[1].value).is(0)
end)

test("R3 follows the new customers of 90 days before", function(tx)
  at "2026-07-10 12:00"
  local window = { from = "2026-05-01", to = "2026-06-01" }    -- the cohort: 31 Jan to 2 March
  order("old", "2025-12-01 10:00")
  order("old", "2026-02-10 10:00")                             -- not new: not in the cohort
  order("gone", "2026-02-10 10:00")
  order("day", "2026-02-10 10:00")
  order("day", "2026-02-10 18:00")                             -- the same day is no return
  order("soon", "2026-02-11 10:00")
  order("soon", "2026-02-20 10:00")
  order("between", "2026-02-12 10:00")
  order("between", "2026-04-10 10:00")
  order("within", "2026-02-13 10:00")
  order("within", "2026-05-20 10:00")
  order("after", "2026-02-14 10:00")
  order("after", "2026-06-20 10:00")                           -- too late for this period
  order("later", "2026-04-01 10:00")
  order("later", "2026-04-02 10:00")                           -- not followed long enough
  expect(tx:kpi("repeat-rate-r3", window).value).is(50)        -- 3 of 6
  expect(tx:kpi("repeat-rate-r3", window).n).is(6)
  expect(tx:kpi("repeat-rate-r3").value).is(nil)
  -- A period of one day is the textbook's figure of one day's cohort.
  local one = { from = "2026-05-14", to = "2026-05-15" }       -- first bought on 13 February
  expect(tx:kpi("repeat-rate-r3", one).value).is(0)
end)

test("L1 counts who stayed: V13", function(tx)
  at "2026-03-10 12:00"
  local then_, now = "2025-02-05 10:00", "2026-02-05 10:00"
  for i = 1, 100 do order("c" .. i, then_, 100) end            -- S = 100
  for i = 1, 85 do order("c" .. i, now, 100) end               -- 85 stayed
  for i = 1, 20 do
    order("r" .. i, "2024-06-05 10:00", 100)
    order("r" .. i, now, 100)                                  -- 20 came back after a pause
  end
  for i = 1, 5 do order("n" .. i, now, 100) end                -- 5 new: (110 − 5) / 100 = 105 %
  local l1 = tx:kpi("loyalty-l1", { from = "2026-02-01", to = "2026-03-01" })
  expect(l1.measures.buyers).is(110)
  expect(l1.value).is(85)
  expect(tx:kpi("loyalty-l1").value).is(nil)                   -- all time has no year before
end)

test("channels are the company's", function(tx)
  config { channels = "balcão, whatsapp" }
  at "2026-03-10 12:00"
  order("a", "2026-03-02 10:00", 100, { channel = "balcão" })
  expect(tx:kpi("orders").value).is(1)
  expect(refused { type = "order.placed", data = { order = "x", net = 1, channel = "loja" } }.code)
    .is "invalid_field"
end)
