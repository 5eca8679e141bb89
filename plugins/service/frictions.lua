-- Frictions that people note, and those that the events themselves tell.
local function note(tx, e, step, kind, more)
  more = more or {}
  more.journey, more.key, more.stage, more.kind = "attendance", e.attendance, step, kind
  if tx:journey("attendance", e.attendance) then tx:friction(more) end
end

cx.on "friction.noted" (function(e, tx)
  note(tx, e, e.step, e.kind, { lost = e.lost, severity = e.severity })
end)
cx.on "attendance.transferred" (function(e, tx) note(tx, e, "execute", "transfer") end)
cx.on "need.stated" (function(e, tx)
  local j = tx:journey("attendance", e.attendance)
  if j and j.stage == "execute" and j.pass > 1 then note(tx, e, "execute", "repeat-info") end
end)
