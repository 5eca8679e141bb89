local function answer(id, score, more)
  local data = { score = score, channel = "loja", reason = "espera" }
  for k, v in pairs(more or {}) do data[k] = v end
  return send { type = "nps.answered", id = id, subject = "c-1", unit = "sp-01", data = data }
end

test("nothing delivered or closed is no data, not zero", function(tx)
  for _, id in ipairs { "same-day-delivery", "delivery-hours", "solved-contacts" } do
    expect(tx:kpi(id).value).is(nil)
    expect(tx:kpi(id).note).is "no_data"
  end
  expect(tx:kpi("voices").value).is(0)
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

test("a contact is solved or not when it is closed", function(tx)
  at "2026-03-09 10:00"
  for i = 1, 4 do
    send { type = "contact.closed", id = "k" .. i, unit = "sp-01", time = "2026-03-02 10:00:00",
      data = { contact = "k" .. i, channel = "app", opened = "2026-03-02 09:00:00",
        solved = i < 4 } }
  end
  expect(tx:kpi("solved-contacts").value).is(75)
end)
