-- "2026-03-02T10:00:00.000-03:00" → ms UTC, as instances tell it.
return function(text)
  local y, m, d, h, min, s, rest = text:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)(.*)$"
  local ms, zone = rest:match "^%.?(%d*)(.*)$"
  local sign, zh, zm = zone:match "^([+-])(%d+):(%d+)$"
  y, m = tonumber(y), tonumber(m)
  if m <= 2 then y, m = y - 1, m + 12 end
  local day = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5 + tonumber(d) - 719469
  local minutes = (day * 24 + tonumber(h)) * 60 + tonumber(min)
  if sign then minutes = minutes - (sign == "+" and 1 or -1) * (tonumber(zh) * 60 + tonumber(zm)) end
  return (minutes * 60 + tonumber(s)) * 1000 + (ms ~= "" and tonumber((ms .. "00"):sub(1, 3)) or 0)
end
