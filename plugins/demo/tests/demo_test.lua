local function answer(id, score, more)
  local data = { score = score, channel = "loja", reason = "espera" }
  for k, v in pairs(more or {}) do data[k] = v end
  return send { type = "nps.answered", id = id, subject = "c-1", unit = "sp-01", data = data }
end

local function order(id, who, time, net)
  send { type = "order.placed", id = id, subject = who, unit = "sp-01", time = time,
    data = { order = id, net = net or 10000, items = 1, channel = "loja", member = who == "c-1" } }
end

test("no answers are no data, not a score of zero", function(tx)
  expect(tx:kpi("nps").value).is(nil)
  expect(tx:kpi("nps").note).is "no_data"
  expect(tx:kpi("average-ticket").value).is(nil)
  expect(tx:kpi("complaint-rate").value).is(nil)
  expect(tx:kpi("repeat-rate").value).is(nil)
  expect(tx:kpi("orders").value).is(0)
end)

test("nps keeps its parts as integers", function(tx)
  at "2026-03-02 10:00"
  for i, score in ipairs { 10, 9, 8, 6 } do answer("a" .. i, score) end
  local nps = tx:kpi("nps", { by = "unit" })
  expect(nps.value).is(25)
  expect(nps.measures.promoters).is(2)
  expect(nps.measures.detractors).is(1)
  expect(nps.groups[1].by.unit).is "sp-01"
end)

test("a score must be a whole number from 0 to 10", function(_)
  at "2026-03-02 10:00"
  for _, score in ipairs { 8.5, 11, -1 } do
    expect(refused { type = "nps.answered", data = { score = score } }.code).is "invalid_field"
  end
  expect(refused { type = "nps.answered", data = { channel = "app" } }.code).is "missing_field"
  expect(refused { type = "nps.answered", data = { score = 9, scor = 9 } }.code).is "unknown_field"
end)

test("a detractor who wrote is heard", function(tx)
  at "2026-03-02 10:00"
  answer("a1", 2, { comment = "Quarenta minutos na fila." })
  answer("a2", 2, { comment = " \u{a0} " })
  answer("a3", 2)
  answer("a4", 9, { comment = "Sempre volto." })
  local voices = tx:kpi("voices", { by = { "unit", "reason" } })
  expect(voices.value).is(1)
  expect(voices.groups[1].by.unit).is "sp-01"
  expect(voices.groups[1].by.reason).is "espera"
end)

test("the same answer sent again counts once", function(tx)
  at "2026-03-02 10:00"
  answer("a1", 2, { comment = "Só um caixa aberto." })
  answer("a1", 2, { comment = "Só um caixa aberto." })
  expect(tx:kpi("nps").measures.answers).is(1)
  expect(tx:kpi("voices").value).is(1)
end)

test("a second receipt on the same day is no return", function(tx)
  at "2026-03-09 10:00"
  order("1", "c-1", "2026-03-02 10:00:00")
  order("2", "c-1", "2026-03-02 18:00:00")
  order("3", "c-2", "2026-03-02 10:00:00")
  expect(tx:kpi("repeat-rate").value).is(0)
  order("4", "c-2", "2026-03-03 10:00:00")
  expect(tx:kpi("repeat-rate").value).is(50)
  expect(tx:kpi("customers").value).is(2)
end)

test("ticket times orders is revenue", function(tx)
  at "2026-03-09 10:00"
  order("1", "c-1", "2026-03-02 10:00:00", 1999)
  order("2", "c-2", "2026-03-02 18:00:00", 2)
  expect(tx:kpi("revenue").value).is(2001)
  expect(tx:kpi("average-ticket").value).is(1000.5)
  expect(tx:kpi("loyalty-member-share").value).is(100 * 1999 / 2001)
end)

test("delivered the same day is a matter of the company's days", function(tx)
  at "2026-03-09 10:00"
  local function delivered(id, bought, time)
    send { type = "order.delivered", id = id, unit = "sp-01", time = time,
      data = { order = id, bought = bought } }
  end
  delivered("1", "2026-03-02 08:00:00", "2026-03-02 23:59:59")
  delivered("2", "2026-03-02 23:00:00", "2026-03-03 00:00:00")
  expect(tx:kpi("same-day-delivery").value).is(50)
  expect(tx:kpi("delivery-hours").value).is((16 - 1 / 3600 + 1) / 2)
end)

test("complaints are cases, counted against orders", function(tx)
  at "2026-03-09 10:00"
  for i = 1, 4 do order(tostring(i), "c-" .. i, "2026-03-02 10:00:00") end
  for i, case in ipairs { "r1", "r1", "r2" } do        -- one case, told through two channels
    send { type = "complaint.opened", id = "e" .. i, unit = "sp-01",
      data = { complaint = case, category = "entrega", channel = i == 2 and "sac" or "procon" } }
  end
  expect(tx:kpi("complaints").value).is(2)
  expect(tx:kpi("complaint-rate").value).is(500)
end)
