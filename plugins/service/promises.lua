-- The ledger of promises. A promise that is not settled in time is broken when it falls due; kept
-- after that it is late.
cx.record "promise" { key = "promise", subject = "customer", unit = "unit", index = { "state" }, read = "frontline", write = "manager",
  title = { ["pt-BR"] = "Promessa", en = "Promise" },
  fields = {
    promise = cx.text { required = true }, attendance = cx.text {}, customer = cx.text {}, unit = cx.text {},
    actor = cx.text {}, what = cx.text {}, made = cx.time { required = true }, due = cx.time { required = true },
    state = cx.choice { "open", "kept", "late", "broken", required = true },
    settled = cx.time {}, reason = cx.text {},
  },
}

local function judge(tx, p, state)
  p.state = state
  tx:record("promise"):put(p)
  tx:emit { type = "promise.judged", subject = p.customer, unit = p.unit, data = { promise = p.promise, state = state } }
end

-- What was made first stands: the same promise told again, or corrected, is not another one.
cx.on "promise.made" (function(e, tx)
  if tx:record("promise"):get(e.promise) and not e.corrects then return end
  tx:record("promise"):put { promise = e.promise, attendance = e.attendance, customer = e.subject, unit = e.unit,
    actor = e.actor, what = e.what, made = e.time, due = e.due, state = "open" }
  tx:after(math.max(0, e.due - e.time), "promise-due", { promise = e.promise, due = e.due })
end)

cx.timer "promise-due" { run = function(tx, arg)
  local p = tx:record("promise"):get(arg.promise)
  if p and p.state == "open" and p.due == arg.due then judge(tx, p, "broken") end
end }

cx.on "promise.settled" (function(e, tx)
  local p = tx:record("promise"):get(e.promise)
  if not p then
    tx:log("warn", "promise.settled of a promise that was not made: " .. e.promise)
    return
  end
  p.settled, p.reason = e.time, e.reason
  judge(tx, p, not e.kept and "broken" or e.time <= p.due and "kept" or "late")
end)
