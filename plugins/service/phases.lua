-- When an attendance is over, how long each phase took and how far it was from the way, as facts, so
-- that units and months can be compared. The funnel of the journey tells it of open ones too.
local instant = require "instant"

local function measure(e, tx)
  local j = tx:journey("attendance", e.attendance)
  if not j or j.stage then return end
  local took, deviations, phase, since = {}, 0, nil, nil
  for _, row in ipairs(j.history) do
    if row.deviation then
      deviations = deviations + 1
    else
      local at = instant(row.time)
      if phase then took[phase] = (took[phase] or 0) + at - since end
      phase, since = row.to, at
    end
  end
  for _, name in ipairs { "receive", "execute", "close" } do
    if took[name] then
      tx:emit { type = "phase.ended", data = { attendance = e.attendance, phase = name, took = took[name] } }
    end
  end
  tx:emit { type = "attendance.measured", data = { attendance = e.attendance, deviations = deviations } }
end

cx.on "attendance.ended" (measure)
cx.on "attendance.left" (measure)
