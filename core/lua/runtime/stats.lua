-- stats.lua — cx.stats: what a figure is worth, with the source of each formula.
-- Flow:   common.lua shows the table read-only to plugins, scripts and tests.
-- Errors: raised at the caller's line; no data is nil, never a number.
local host = ...
local error, type, sqrt, floor, sort, format = error, type, math.sqrt, math.floor, table.sort, string.format
local max, min = math.max, math.min

local Z = 1.959963984540054 -- two-sided 95 %
local stats = {}

local function count(name, v, what)
  if type(v) ~= "number" or v ~= v or v < 0 then
    error(format("cx.stats.%s: %s must be a number ≥ 0", name, what), 3)
  end
  return v
end

-- Net promoter score with its 95 % margin. n = all valid answers.
-- wald:     var = (P+D)/N − ((P−D)/N)², SE = √(var/N), ± 1.96·SE (variance of a variable that is
--           1, 0 or −1; Rocks 2016, "Interval estimation for the net promoter score", Am. Stat. 70).
-- adjusted: the same on P+¾, D+¾, N+3 (adjusted Wald, ibid.); the value stays (P−D)/N.
-- Without method, adjusted where n < 30 or the variance is 0. Both are cut at ±100.
function stats.nps(promoters, detractors, n, method)
  local p, d = count("nps", promoters, "promoters"), count("nps", detractors, "detractors")
  count("nps", n, "n")
  if method ~= nil and method ~= "wald" and method ~= "adjusted" then
    error('cx.stats.nps: method must be "wald" or "adjusted"', 2)
  end
  if p + d > n then error("cx.stats.nps: more promoters and detractors than answers", 2) end
  if n == 0 then return nil end
  local value = (p - d) / n
  local variance = (p + d) / n - value * value
  if not method then method = (n < 30 or variance <= 0) and "adjusted" or "wald" end
  local middle, size = value, n
  if method == "adjusted" then
    size = n + 3
    middle = (p - d) / size
    variance = (p + d + 1.5) / size - middle * middle
  end
  local margin = Z * sqrt(max(variance, 0) / size)
  return { value = 100 * value, low = 100 * max(middle - margin, -1),
    high = 100 * min(middle + margin, 1), n = n, method = method }
end

-- Score interval of a proportion x/n (Wilson 1927; Newcombe 1998, Stat. Med. 17, method 3).
function stats.wilson(x, n, level)
  count("wilson", x, "x")
  count("wilson", n, "n")
  if x > n then error("cx.stats.wilson: x is greater than n", 2) end
  local z = Z
  if level ~= nil and level ~= 0.95 then
    if type(level) ~= "number" or not (level > 0 and level < 1) then
      error("cx.stats.wilson: level must be between 0 and 1", 2)
    end
    z = host.normal_quantile(0.5 + level / 2)
  end
  if n == 0 then return nil end
  local p, zz = x / n, z * z
  local middle = (p + zz / (2 * n)) / (1 + zz / n)
  local half = z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
  -- at the ends the interval begins exactly at 0 or ends exactly at 1; floats would miss it
  return { value = p, low = x == 0 and 0.0 or max(middle - half, 0),
    high = x == n and 1.0 or min(middle + half, 1), method = "wilson" }
end

-- value, low and high in percent.
function stats.percent(t)
  if t == nil then return nil end
  if type(t) ~= "table" then error("cx.stats.percent: needs a table {value, low, high}", 2) end
  local out = {}
  for k, v in next, t do out[k] = v end
  for _, k in next, { "value", "low", "high" } do
    if type(out[k]) == "number" then out[k] = 100 * out[k] end
  end
  return out
end

local function numbers(name, x, least)
  if type(x) ~= "table" then error(format("cx.stats.%s: needs a list of numbers", name), 3) end
  local out = {}
  for i = 1, #x do
    if type(x[i]) ~= "number" or x[i] ~= x[i] then
      error(format("cx.stats.%s: [%d] is not a number", name, i), 3)
    end
    out[i] = x[i]
  end
  return #out >= least and out or nil
end

-- Unbiased variance, n−1 (two passes; Chan, Golub, LeVeque 1983). Fewer than two values: nil.
function stats.variance(x)
  x = numbers("variance", x, 2)
  if not x then return nil end
  local n, sum, squares, rest = #x, 0.0, 0.0, 0.0
  for i = 1, n do sum = sum + x[i] end
  local mean = sum / n
  for i = 1, n do
    local d = x[i] - mean
    squares, rest = squares + d * d, rest + d
  end
  return (squares - rest * rest / n) / (n - 1)
end

function stats.sd(x)
  x = numbers("sd", x, 2)
  return x and sqrt(stats.variance(x))
end

-- Quantile, type 7 (Hyndman and Fan 1996, Am. Stat. 50).
function stats.quantile(x, p)
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    error("cx.stats.quantile: p must be between 0 and 1", 2)
  end
  x = numbers("quantile", x, 1)
  if not x then return nil end
  sort(x)
  local at = (#x - 1) * p
  local i = floor(at)
  local low = x[i + 1]
  return low + (at - i) * ((x[i + 2] or low) - low)
end

return stats
