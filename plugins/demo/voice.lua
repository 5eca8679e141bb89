-- A detractor who took the trouble to write is heard by the store as a fact of its own.

local function severity(score) return math.min(5, 6 - score // 2) end

cx.on "nps.answered" (function(e, tx)
  if e.score <= 6 and e.written then
    tx:emit { type = "voice.heard",
      data = { answer = e.id, reason = e.reason, severity = severity(e.score) } }
  end
end)
