-- The year's days, and how much is bought on each. Instants here are seconds of the wall clock
-- since 1970; the company's zone has no clock change in this year.
local M = {}

local function days_from_civil(y, m, d)
  if m <= 2 then y = y - 1 end
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

local function civil_from_days(z)
  z = z + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local m = mp + (mp < 10 and 3 or -9)
  return yoe + era * 400 + (m <= 2 and 1 or 0), m, doy - (153 * mp + 2) // 5 + 1
end

M.DAY = 86400
M.first = days_from_civil(2025, 11, 1)
M.last = days_from_civil(2026, 10, 31)
M.day_of = days_from_civil

-- "2026-05-09 10:31:07": the company's wall clock. The date of the last day asked for is kept.
local seen_day, seen_text
function M.text(seconds)
  local day = seconds // M.DAY
  if day ~= seen_day then
    seen_day, seen_text = day, ("%04d-%02d-%02d "):format(civil_from_days(day))
  end
  local s = seconds - day * M.DAY
  return seen_text .. ("%02d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end

-- Sunday is 0.
function M.weekday(day) return (day + 4) % 7 end

local WEEK <const> = { [0] = 0.72, 0.86, 0.88, 0.92, 1.0, 1.2, 1.42 }
local MONTH <const> = { 0.84, 0.82, 0.92, 0.94, 1.04, 1.0, 0.96, 1.0, 0.95, 1.04, 1.08, 1.24 }

-- Days that sell: the date, how many days before it sales begin to rise, and the peak.
local PEAKS <const> = {
  { day = days_from_civil(2025, 11, 28), before = 3, after = 3, peak = 2.7 },    -- Black Friday
  { day = days_from_civil(2025, 12, 23), before = 14, after = 1, peak = 2.1 },   -- Christmas
  { day = days_from_civil(2026, 3, 15), before = 2, after = 1, peak = 1.25 },    -- Consumer's Day
  { day = days_from_civil(2026, 5, 9), before = 8, after = 1, peak = 2.2 },      -- Mother's, eve
  { day = days_from_civil(2026, 6, 12), before = 5, after = 1, peak = 1.6 },     -- Valentine's
  { day = days_from_civil(2026, 8, 8), before = 6, after = 1, peak = 1.6 },      -- Father's, eve
  { day = days_from_civil(2026, 10, 11), before = 5, after = 1, peak = 1.45 },   -- Children's, eve
}
local CLOSED <const> = {                                            -- the app goes on
  [days_from_civil(2025, 12, 25)] = true,
  [days_from_civil(2026, 1, 1)] = true,
  [days_from_civil(2026, 4, 3)] = true,
  [days_from_civil(2026, 5, 1)] = true,
}

function M.closed(day) return CLOSED[day] == true end

function M.demand(day)
  local _, month = civil_from_days(day)
  local factor = WEEK[M.weekday(day)] * MONTH[month]
  for _, p in ipairs(PEAKS) do
    local distance = day - p.day
    if distance >= -p.before and distance <= 0 then
      factor = factor * (1 + (p.peak - 1) * (distance + p.before + 1) / (p.before + 1))
    elseif distance > 0 and distance < p.after then
      factor = factor * (1 + (p.peak - 1) * (p.after - distance) / (p.after + 1))
    end
  end
  return factor
end

-- Opening hours, in seconds of the day.
function M.hours(day)
  if M.weekday(day) == 0 then return 12 * 3600, 20 * 3600 end
  return 10 * 3600, 22 * 3600
end

-- How far the year has come: 0 on its first day, 1 on its last.
function M.progress(day) return (day - M.first) / (M.last - M.first) end

return M
