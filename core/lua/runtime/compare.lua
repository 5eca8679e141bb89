-- compare.lua — is the difference between two windows of a KPI proven? The test goes by what the
-- KPI's interval of both windows rests on (the functions of cx.stats return it).
-- Flow:   plugin.c calls compare(now, before) with what the KPI's interval function returned; nil
--         means that a side has no interval.
-- Returns p (two-sided) and the test's name; nil: cannot be said.
-- Errors: raised, when an interval is none.
local host, stats = ...
local type, next, error, sqrt, abs = type, next, error, math.sqrt, math.abs
local Z <const> = 1.959963984540054

-- Do both have all of these as numbers?
local function rest_on(a, b, ...)
  for _, k in next, { ... } do
    if type(a[k]) ~= "number" or type(b[k]) ~= "number" then return false end
  end
  return true
end

-- Normal approximation: the middle of an interval (or its value), and its half width as 1.96 errors.
local function normal(a, b)
  local function value(t)
    return type(t.value) == "number" and t.value or (t.low + t.high) / 2
  end
  local difference, error_of = value(a) - value(b), sqrt((a.high - a.low) ^ 2 + (b.high - b.low) ^ 2) / (2 * Z)
  return { value = difference, p = error_of > 0 and host.erfc(abs(difference) / error_of / sqrt(2)) or nil }
end

local function tested(a, b)
  if rest_on(a, b, "promoters", "detractors", "n") then
    return stats.nps_difference(a.promoters, a.detractors, a.n, b.promoters, b.detractors, b.n), "nps_difference"
  elseif rest_on(a, b, "x", "exposure") then
    return stats.two_rates(a.x, a.exposure, b.x, b.exposure), "two_rates"
  elseif rest_on(a, b, "x", "n") then
    return stats.two_proportions(a.x, a.n, b.x, b.n), "two_proportions"
  elseif rest_on(a, b, "mean", "sd", "n") then
    return stats.welch(a, b), "welch"
  elseif rest_on(a, b, "low", "high") then
    return normal(a, b), "normal"
  end
end

return function(now, before)
  if now == nil or before == nil then return nil end
  if type(now) ~= "table" or type(before) ~= "table" then
    error("interval must return { low =, high = } or nil", 0)
  end
  local difference, test = tested(now, before)
  if not difference then return nil end
  -- Nothing varies on either side: equal is no difference, unequal is one.
  local p = difference.p or difference.value == 0 and 1.0 or 0.0
  if p ~= p then return nil end
  return p, test
end
