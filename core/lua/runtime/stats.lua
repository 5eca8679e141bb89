-- stats.lua — cx.stats: what a figure is worth, with the source of each formula.
-- Flow:   common.lua shows the table read-only to plugins, scripts and tests.
-- Errors: raised at the caller's line; no data is nil, never a number.
local host = ...
local error, type, next, tostring = error, type, next, tostring
local sqrt, floor, sort, format, exp, log, abs = math.sqrt, math.floor, table.sort, string.format, math.exp, math.log, math.abs
local max, min, huge, pi = math.max, math.min, math.huge, math.pi
local lgamma, erfc = host.lgamma, host.erfc

local Z <const> = 1.959963984540054 -- two-sided 95 %
local TAIL <const> = 0.025 -- each side of it
local stats = {}

local function count(name, v, what)
  if type(v) ~= "number" or v ~= v or v < 0 or v == huge then
    error(format("cx.stats.%s: %s must be a number ≥ 0", name, what), 3)
  end
  return v
end

----------------------------------------------------------------------------------- distributions
-- Regularized incomplete beta function I_x(a, b), y = 1 − x: continued fraction (DLMF 8.17.22) by
-- Lentz's method (Lentz 1976, Appl. Opt. 15; modified by Thompson and Barnett 1986).
local function beta_fraction(x, a, b)
  local tiny <const> = 1e-300
  local c, d = 1.0, 1 - (a + b) * x / (a + 1)
  d = 1 / (abs(d) < tiny and tiny or d)
  local h = d
  for m = 1, 100000 do
    local step = 1.0
    for half = 0, 1 do
      local f = half == 0 and m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        or -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d, c = 1 + f * d, 1 + f / c
      d = 1 / (abs(d) < tiny and tiny or d)
      c = abs(c) < tiny and tiny or c
      step = d * c
      h = h * step
    end
    if abs(step - 1) < 1e-15 then break end
  end
  return h
end

local function incomplete_beta(x, y, a, b)
  if x ~= x or y ~= y then return x + y end -- NaN
  if x <= 0 then return 0.0 end
  if y <= 0 then return 1.0 end
  local front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y))
  if x < (a + 1) / (a + b + 2) then return front * beta_fraction(x, a, b) / a end
  return 1 - front * beta_fraction(y, b, a) / b
end

-- Both tails of the gamma distribution, P(a, x) and Q(a, x): series (DLMF 8.7.1) below a + 1, else
-- continued fraction (DLMF 8.9.2) by Lentz's method.
local function gamma_tails(a, x)
  local front = exp(a * log(x) - x - lgamma(a))
  if x < a + 1 then
    local sum, term, k = 1 / a, 1 / a, a
    repeat
      k = k + 1
      term = term * x / k
      sum = sum + term
    until term < sum * 1e-17
    return front * sum, 1 - front * sum
  end
  local tiny <const> = 1e-300
  local b = x + 1 - a
  local c, d = 1 / tiny, 1 / b
  local h = d
  for i = 1, 100000 do
    local f = -i * (i - a)
    b = b + 2
    d = f * d + b
    d = 1 / (abs(d) < tiny and tiny or d)
    c = b + f / c
    c = abs(c) < tiny and tiny or c
    h = h * d * c
    if abs(d * c - 1) < 1e-16 then break end
  end
  return 1 - front * h, front * h
end

-- The value with TAIL below it (z < 0) or above it (z > 0) in the gamma distribution of shape a:
-- Goldberg and Levine 1946, Ann. Math. Stat. 17, an expansion whose error is below 3·10⁻¹⁴ of it from
-- a = 10⁴; before that improved by Newton's method.
local function gamma_quantile(a, z)
  local r, z2 = sqrt(a), z * z
  local x = a + z * r + (z2 - 1) / 3 + (z2 - 7) * z / (36 * r) - (3 * z2 * z2 + 7 * z2 - 16) / (810 * a)
    + (9 * z2 * z2 + 256 * z2 - 433) * z / (38880 * a * r)
  if a >= 1e4 then return x end
  x = max(x, a * 0.01)
  for _ = 1, 100 do
    local p, q = gamma_tails(a, x)
    local off = z < 0 and p - TAIL or TAIL - q
    local step = off / exp((a - 1) * log(x) - x - lgamma(a))
    x = step < x and x - step or x / 2
    if abs(step) < 1e-14 * x then break end
  end
  return x
end

-- Two-sided p of Student's t, I_x(df/2, 1/2) with x = df/(df + t²) (DLMF 8.17; Abramowitz and
-- Stegun 26.7.1), and of a normal z.
local function t_p(t, df)
  local all = df + t * t
  return incomplete_beta(df / all, t * t / all, df / 2, 0.5)
end

local function normal_p(z)
  return erfc(abs(z) / sqrt(2))
end

-- The t with TAIL above it: expansion in 1/df (Abramowitz and Stegun 26.7.5), whose error is below
-- 2·10⁻¹⁴ of it from df = 500; before that Newton's method, which rises to it from below.
local G <const> = { (Z ^ 3 + Z) / 4, (5 * Z ^ 5 + 16 * Z ^ 3 + 3 * Z) / 96,
  (3 * Z ^ 7 + 19 * Z ^ 5 + 17 * Z ^ 3 - 15 * Z) / 384,
  (79 * Z ^ 9 + 776 * Z ^ 7 + 1482 * Z ^ 5 - 1920 * Z ^ 3 - 945 * Z) / 92160 }
local function t_quantile(df)
  local t = df < 3 and Z or Z + (G[1] + (G[2] + (G[3] + G[4] / df) / df) / df) / df
  if df >= 500 then return t end
  local scale = lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * log(df * pi)
  for _ = 1, 200 do
    local step = (t_p(t, df) - 2 * TAIL) / (2 * exp(scale - (df + 1) / 2 * log(1 + t * t / df)))
    t = t + step
    if abs(step) < 1e-14 * t then break end
  end
  return t
end

---------------------------------------------------------------------------------------- intervals
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
    high = 100 * min(middle + margin, 1), n = n, method = method,
    promoters = p, detractors = d }
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
    high = x == n and 1.0 or min(middle + half, 1), method = "wilson", x = x, n = n }
end

-- Rate x/exposure of events that happen one by one, exact (Garwood 1936, Biometrika 28): halves of
-- the chi-square quantiles with 2x and 2x + 2 degrees of freedom, that is, gamma quantiles.
function stats.poisson(x, exposure)
  count("poisson", x, "x")
  if x ~= floor(x) then error("cx.stats.poisson: x must be a whole number", 2) end
  exposure = count("poisson", exposure == nil and 1 or exposure, "exposure")
  if exposure == 0 then return nil end
  return { value = x / exposure, low = x == 0 and 0.0 or gamma_quantile(x, -Z) / exposure,
    high = gamma_quantile(x + 1, Z) / exposure, method = "poisson", x = x, exposure = exposure }
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

------------------------------------------------------------------------------ values and histograms
local function numbers(name, x, level)
  if type(x) ~= "table" then error(format("cx.stats.%s: needs a list of numbers or a histogram", name), level) end
  local out = {}
  for i = 1, #x do
    if type(x[i]) ~= "number" or x[i] ~= x[i] then
      error(format("cx.stats.%s: [%d] is not a number", name, i), level)
    end
    out[i] = x[i]
  end
  return out
end

-- n, mean and unbiased variance (n−1) of a list (two passes, corrected: Chan, Golub, LeVeque 1983,
-- Am. Stat. 37), of a formula's histogram, or as given by {mean, sd, n}; no data: nil.
local function moments(name, x)
  if type(x) == "userdata" then
    local mean, variance, n = x.mean, x.variance, #x -- what is no histogram says so here
    return n, n > 0 and mean(x) or nil, n > 1 and variance(x) or nil
  elseif type(x) == "table" and x.n ~= nil then
    local n, sd = x.n, x.sd
    if type(n) ~= "number" or n > 0 and type(x.mean) ~= "number" or n > 1 and (type(sd) ~= "number" or sd < 0) then
      error(format("cx.stats.%s: {mean, sd, n} needs three numbers", name), 3)
    end
    return n, n > 0 and x.mean or nil, n > 1 and sd * sd or nil
  end
  x = numbers(name, x, 4)
  local n, sum, squares, rest = #x, 0.0, 0.0, 0.0
  for i = 1, n do sum = sum + x[i] end
  local mean = sum / n
  for i = 1, n do
    local d = x[i] - mean
    squares, rest = squares + d * d, rest + d
  end
  return n, n > 0 and mean + rest / n or nil, n > 1 and max(squares - rest * rest / n, 0) / (n - 1) or nil
end

-- Unbiased variance, n−1. Fewer than two values: nil.
function stats.variance(x)
  local _, _, variance = moments("variance", x)
  return variance
end

function stats.sd(x)
  local _, _, variance = moments("sd", x)
  return variance and sqrt(variance)
end

-- Mean with Student's interval, mean ± t·sd/√n with n − 1 degrees of freedom (Student 1908,
-- Biometrika 6). One value: no low and high. None: nil.
function stats.mean(x)
  local n, mean, variance = moments("mean", x)
  if not mean then return nil end
  local out = { value = mean, mean = mean, n = n, method = "t" }
  if variance then
    local margin = t_quantile(n - 1) * sqrt(variance / n)
    out.sd, out.low, out.high = sqrt(variance), mean - margin, mean + margin
  end
  return out
end

-- Quantile, type 7 (Hyndman and Fan 1996, Am. Stat. 50).
function stats.quantile(x, p)
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    error("cx.stats.quantile: p must be between 0 and 1", 2)
  end
  if type(x) == "userdata" then
    local at, n = x.at, #x
    return n > 0 and at(x, p) or nil
  end
  x = numbers("quantile", x, 3)
  if #x == 0 then return nil end
  sort(x)
  local at = (#x - 1) * p
  local i = floor(at)
  local low = x[i + 1]
  return low + (at - i) * ((x[i + 2] or low) - low)
end

-------------------------------------------------------------------------------- differences of two
-- Variance of one answer, (P+D)/N − ((P−D)/N)².
local function nps_variance(p, d, n)
  local mean = (p - d) / n
  return (p + d) / n - mean * mean
end

-- Difference of two net promoter scores, first − second, in points: z = difference / √(var₁/N₁ +
-- var₂/N₂), independent samples, variances not pooled (Rocks 2016, as for nps). Where both variances
-- are 0, those of the adjusted Wald method are taken. p is two-sided; 95 % interval.
function stats.nps_difference(p1, d1, n1, p2, d2, n2)
  local given = { p1, d1, n1, p2, d2, n2 }
  for i, what in next, { "p1", "d1", "n1", "p2", "d2", "n2" } do count("nps_difference", given[i], what) end
  if p1 + d1 > n1 or p2 + d2 > n2 then
    error("cx.stats.nps_difference: more promoters and detractors than answers", 2)
  end
  if n1 == 0 or n2 == 0 then return nil end
  local value = 100 * ((p1 - d1) / n1 - (p2 - d2) / n2)
  local squared = max(nps_variance(p1, d1, n1), 0) / n1 + max(nps_variance(p2, d2, n2), 0) / n2
  if squared <= 0 then
    squared = nps_variance(p1 + 0.75, d1 + 0.75, n1 + 3) / (n1 + 3) + nps_variance(p2 + 0.75, d2 + 0.75, n2 + 3) / (n2 + 3)
  end
  local error_of = 100 * sqrt(squared)
  local z = value / error_of
  return { value = value, z = z, p = normal_p(z), low = value - Z * error_of, high = value + Z * error_of }
end

-- Difference of two proportions, x1/n1 − x2/n2: z with the pooled proportion (no z and p where that
-- is 0 or 1), p two-sided; interval: Newcombe 1998, Stat. Med. 17, method 10 (of Wilson's limits).
function stats.two_proportions(x1, n1, x2, n2)
  local given = { x1, n1, x2, n2 }
  for i, what in next, { "x1", "n1", "x2", "n2" } do count("two_proportions", given[i], what) end
  if x1 > n1 or x2 > n2 then error("cx.stats.two_proportions: x is greater than n", 2) end
  if n1 == 0 or n2 == 0 then return nil end
  local a, b = stats.wilson(x1, n1), stats.wilson(x2, n2)
  local value, pooled = a.value - b.value, (x1 + x2) / (n1 + n2)
  local out = { value = value,
    low = value - sqrt((a.value - a.low) ^ 2 + (b.high - b.value) ^ 2),
    high = value + sqrt((a.high - a.value) ^ 2 + (b.value - b.low) ^ 2) }
  if pooled > 0 and pooled < 1 then
    out.z = value / sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    out.p = normal_p(out.z)
  end
  return out
end

-- Two rates x1/t1 and x2/t2 of events that happen one by one: given their sum, x1 is binomial with
-- t1/(t1 + t2) (Przyborowski and Wilenski 1940, Biometrika 31). p: twice the smaller tail, the test
-- that belongs to Garwood's limits (Fay 2010, Biostatistics 11).
function stats.two_rates(x1, t1, x2, t2)
  local given = { x1, t1, x2, t2 }
  for i, what in next, { "x1", "t1", "x2", "t2" } do count("two_rates", given[i], what) end
  if t1 == 0 or t2 == 0 then return nil end
  local n, share, other = x1 + x2, t1 / (t1 + t2), t2 / (t1 + t2)
  local least = x1 == 0 and 1 or incomplete_beta(share, other, x1, x2 + 1)
  local most = x2 == 0 and 1 or incomplete_beta(other, share, x2, x1 + 1)
  return { value = x1 / t1 - x2 / t2, p = n == 0 and 1.0 or min(2 * min(least, most), 1.0) }
end

-- Difference of two means, first − second, of unequal variances (Welch 1947, Biometrika 34), df by
-- Welch–Satterthwaite; p two-sided; 95 % interval. No t, df and p where nothing varies. Fewer than
-- two values on a side: nil.
function stats.welch(a, b)
  local n1, m1, v1 = moments("welch", a)
  local n2, m2, v2 = moments("welch", b)
  if not v1 or not v2 then return nil end
  local value, e1, e2 = m1 - m2, v1 / n1, v2 / n2
  local squared = e1 + e2
  if squared <= 0 then return { value = value, low = value, high = value } end
  local t, df = value / sqrt(squared), squared * squared / (e1 * e1 / (n1 - 1) + e2 * e2 / (n2 - 1))
  local margin = t_quantile(df) * sqrt(squared)
  return { value = value, t = t, df = df, p = t_p(t, df), low = value - margin, high = value + margin }
end

--------------------------------------------------------------------------------------- control charts
-- Individuals and moving ranges: center = mean, natural process limits center ± 2.66·mR̄, upper limit
-- of the ranges 3.267·mR̄ (Wheeler and Chambers 1992, Understanding Statistical Process Control; 2.66
-- = 3/1.128, 3.267 of two-point ranges). Fewer than two values: nil.
function stats.xmr(x)
  x = numbers("xmr", x, 3)
  if #x < 2 then return nil end
  local _, center = moments("xmr", x)
  local ranges = 0.0
  for i = 2, #x do ranges = ranges + abs(x[i] - x[i - 1]) end
  local mr = ranges / (#x - 1)
  return { center = center, mr_bar = mr, upper = center + 2.66 * mr, lower = center - 2.66 * mr, url = 3.267 * mr }
end

local function sign(v)
  return v > 0 and 1 or v < 0 and -1 or 0
end

-- At least `least` of the `size` values up to i on one side of the center beyond `limit`.
local function beyond(z, i, size, least, limit)
  local above, below = 0, 0
  for k = i - size + 1, i do
    if z[k] > limit then above = above + 1 end
    if z[k] < -limit then below = below + 1 end
  end
  return above >= least or below >= least
end

-- Does each of the `size` values up to i satisfy it?
local function each(z, i, size, holds)
  for k = i - size + 1, i do
    if not holds(z[k]) then return false end
  end
  return true
end

-- Steps up to i: all in one direction (turn 1), or each against the one before it (turn −1).
local function steps(z, i, size, turn)
  local direction = sign(z[i] - z[i - 1])
  if direction == 0 then return false end
  for k = i - 1, i - size + 2, -1 do
    direction = direction * turn
    if sign(z[k] - z[k - 1]) ~= direction then return false end
  end
  return true
end

local function inside(v)
  return abs(v) < 1
end

local function outside(v)
  return abs(v) > 1
end

-- Nelson 1984, J. Qual. Technol. 16: size of the window, and whether it speaks.
local NELSON <const> = {
  { 1, function(z, i) return abs(z[i]) > 3 end },
  { 9, function(z, i) return beyond(z, i, 9, 9, 0) end },
  { 6, function(z, i) return steps(z, i, 6, 1) end },
  { 14, function(z, i) return steps(z, i, 14, -1) end },
  { 3, function(z, i) return beyond(z, i, 3, 2, 2) end },
  { 5, function(z, i) return beyond(z, i, 5, 4, 1) end },
  { 15, function(z, i) return each(z, i, 15, inside) end },
  { 8, function(z, i) return each(z, i, 8, outside) end },
}

-- Nelson's run rules: { { rule =, index = }, … } by index, then rule; index (from 1) is where a whole
-- window that breaks the rule ends. center: the mean, sigma: mR̄/1.128, rules: all eight, unless
-- given. Where nothing varies there is nothing to say.
function stats.nelson(x, options)
  x = numbers("nelson", x, 3)
  options = options == nil and {} or options
  if type(options) ~= "table" then error("cx.stats.nelson: options are a table {center, sigma, rules}", 2) end
  local rules = options.rules == nil and { 1, 2, 3, 4, 5, 6, 7, 8 } or options.rules
  local limits = stats.xmr(x) or { center = 0, mr_bar = 0 }
  local center, sigma = options.center or limits.center, options.sigma or limits.mr_bar / 1.128
  if type(rules) ~= "table" then error("cx.stats.nelson: rules are a list of numbers from 1 to 8", 2) end
  if type(center) ~= "number" or type(sigma) ~= "number" then error("cx.stats.nelson: center and sigma are numbers", 2) end
  for _, rule in next, rules do
    if not NELSON[rule] then error(format("cx.stats.nelson: there is no rule %s, rules are 1 to 8", tostring(rule)), 2) end
  end
  local z, out = {}, {}
  if sigma ~= sigma or sigma <= 0 then return out end
  local asked = {}
  for _, rule in next, rules do asked[rule] = true end
  for i = 1, #x do
    z[i] = (x[i] - center) / sigma
    for rule = 1, 8 do
      if asked[rule] and i >= NELSON[rule][1] and NELSON[rule][2](z, i) then
        out[#out + 1] = { rule = rule, index = i }
      end
    end
  end
  return out
end

------------------------------------------------------------------------------------ mix and within
-- { group = { x =, n = } } or { group = { value =, weight = } }, or a list of such with `group`.
local function taken(side, t, list, by_name)
  if type(t) ~= "table" then error(format("cx.stats.decompose: %s is a table of groups", side), 3) end
  for k, g in next, t do
    local name = type(g) == "table" and g.group ~= nil and g.group or k
    local n, x
    if type(g) == "table" then
      n = g.n == nil and g.weight or g.n
      x = g.x
      if x == nil then x = g.value ~= nil and n and g.value * n or n == 0 and 0 or nil end
    end
    if type(name) ~= "string" and type(name) ~= "number" then
      error(format("cx.stats.decompose: %s: a group is named by a text or a number", side), 3)
    end
    if type(n) ~= "number" or type(x) ~= "number" or n < 0 or x - x ~= 0 or n - n ~= 0 then
      error(format('cx.stats.decompose: %s: group "%s" needs { x =, n = } or { value =, weight = }', side, tostring(name)), 3)
    end
    local group = by_name[name]
    if not group then
      group = { group = name }
      by_name[name], list[#list + 1] = group, group
    end
    if group[side] then error(format('cx.stats.decompose: %s: group "%s" is there twice', side, tostring(name)), 3) end
    group[side] = { x = x, n = n }
  end
end

-- A grid of powers of two so coarse that sums of its multiples up to `most` lose nothing.
local function grid(most)
  return 2.0 ^ (floor(log(most, 2)) - 51)
end

local function on_grid(v, unit)
  return floor(v / unit + 0.5) * unit
end

-- Why did a rate made of groups (Σx/Σn) change? within = what changed inside the groups, mix = what
-- their shares did: of each group within = (w₀+w₁)/2 · (r₁−r₀), mix = (w₁−w₀) · ((r₀+r₁)/2 − (R₀+R₁)/2)
-- with share w, rate r, whole R (Kitagawa 1955, JASA 50, symmetric weights; the whole's rate is taken
-- off so that a group that grows adds only what it differs by). A group on one side only is all mix.
-- All parts lie on one binary grid (2⁻⁵¹ of the largest), so that they add up bit for bit, in any
-- order: Σ mix + Σ within = change; the last rounding is in the largest within.
function stats.decompose(before, after)
  local list, by_name, x0, n0, x1, n1 = {}, {}, 0, 0, 0, 0
  taken("before", before, list, by_name)
  taken("after", after, list, by_name)
  sort(list, function(a, b)
    a, b = a.group, b.group
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  for i = 1, #list do
    local g = list[i]
    g.before, g.after = g.before or { x = 0, n = 0 }, g.after or { x = 0, n = 0 }
    x0, n0, x1, n1 = x0 + g.before.x, n0 + g.before.n, x1 + g.after.x, n1 + g.after.n
  end
  if n0 == 0 or n1 == 0 then return nil end
  local r0, r1 = x0 / n0, x1 / n1
  local out = { before = r0, after = r1, groups = {} }
  local most = abs(r0) + abs(r1)
  for i = 1, #list do
    local a, b = list[i].before, list[i].after
    local w0, w1 = a.n / n0, b.n / n1
    local v0 = a.n > 0 and a.x / a.n or b.n > 0 and b.x / b.n or 0
    local v1 = b.n > 0 and b.x / b.n or v0
    local g = { group = list[i].group, within = (w0 + w1) / 2 * (v1 - v0), mix = (w1 - w0) * ((v0 + v1) / 2 - (r0 + r1) / 2) }
    most = most + abs(g.within) + abs(g.mix)
    out.groups[i] = g
  end
  if most == 0 then most = 1 end
  local unit, mix, within, largest = grid(most), 0.0, 0.0, out.groups[1]
  for i = 1, #out.groups do
    local g = out.groups[i]
    g.within, g.mix = on_grid(g.within, unit), on_grid(g.mix, unit)
    mix, within = mix + g.mix, within + g.within
    if abs(g.within) > abs(largest.within) then largest = g end
  end
  out.change = on_grid(r1 - r0, unit)
  local rest = out.change - (mix + within)
  largest.within, within = largest.within + rest, within + rest
  out.mix, out.within = mix, within
  for i = 1, #out.groups do out.groups[i].change = out.groups[i].mix + out.groups[i].within end
  return out
end

return stats
