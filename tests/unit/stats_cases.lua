-- What test_stats.c runs on cx.stats: `stats` is the table that plugins see.
-- Returns check(case), which raises on the first figure that is off, and the numbers worked by hand.
local abs, format, ipairs, type = math.abs, string.format, ipairs, type
local stats = stats -- luacheck: ignore stats

local function near(what, got, want, tolerance)
  if got == want then return end
  if type(got) ~= "number" or type(want) ~= "number" or abs(got - want) > tolerance then
    error(format("%s: got %s, wanted %s", what, tostring(got), tostring(want)), 0)
  end
end

local kinds = {}

function kinds.xmr(x, e, t)
  local c = stats.xmr(x.x)
  near("center", c.center, e.mean, t)
  near("mr_bar", c.mr_bar, e.mr_bar, t)
  near("upper", c.upper, e.unpl_2_66, t)
  near("lower", c.lower, e.lnpl_2_66, t)
  near("url", c.url, e.url_3_267, t)
end

function kinds.nps_margin(x, e, t)
  local c = stats.nps(x.promoters, x.detractors, x.promoters + x.passives + x.detractors, "wald")
  near("value", c.value, e.nps, t)
  near("n", c.n, e.n, 0)
  near("low", c.low, e.ci95[1], t)
  near("high", c.high, e.ci95[2], t)
end

function kinds.nps_difference(x, e, t)
  local a, b = x.a, x.b
  local c = stats.nps_difference(a[1], a[3], a[1] + a[2] + a[3], b[1], b[3], b[1] + b[2] + b[3])
  near("value", c.value, e.diff, t)
  near("z", c.z, e.z, t)
  near("p", c.p, e.p_two_sided, t)
  near("half width", (c.high - c.low) / 2, 1.959963984540054 * e.se_points, t)
end

function kinds.proportion_interval(x, e, t)
  local c = stats.wilson(x.x, x.n, x.level)
  near("low", c.low, e.wilson[1], t)
  near("high", c.high, e.wilson[2], t)
end

function kinds.proportion_difference_interval(x, e, t)
  local c = stats.two_proportions(x.x1, x.n1, x.x2, x.n2)
  near("value", c.value, e.diff, t)
  near("low", c.low, e.ci[1], t)
  near("high", c.high, e.ci[2], t)
end

function kinds.two_proportion_z(x, e, t)
  local c = stats.two_proportions(x.x1, x.n1, x.x2, x.n2)
  near("z", c.z, e.z, t)
  near("p", c.p, e.p_two_sided, t)
end

function kinds.welch_t(x, e, t)
  local c = stats.welch(x.a, x.b)
  near("t", c.t, e.t, t)
  near("df", c.df, e.df, t)
  near("p", c.p, e.p_two_sided, t)
  near("variance", stats.variance(x.a), e.var_a, t)
  local a, b = stats.mean(x.a), stats.mean(x.b)
  near("from moments", stats.welch(a, b).t, c.t, 1e-12)
end

function kinds.mean_sd(x, e, t)
  local list = x.x or { x.first }
  for i = 2, x.n or 0 do list[i] = x.then_alternating[i % 2 == 0 and 1 or 2] end
  near("mean", stats.mean(list).value, e.mean, t)
  near("sd", stats.sd(list), e.sd, t)
end

function kinds.nelson(x, e)
  local by_rule = {}
  for rule = 1, 8 do by_rule[rule] = {} end
  for _, hit in ipairs(stats.nelson(x.x, { center = x.center or e.mean, sigma = x.sigma or e.sd })) do
    local list = by_rule[hit.rule]
    list[#list + 1] = hit.index
  end
  for rule = 1, 8 do
    local want = e.last_index_of_each_hit_0based[tostring(rule)]
    near(format("rule %d: hits", rule), #by_rule[rule], #want, 0)
    for i = 1, #want do near(format("rule %d", rule), by_rule[rule][i], want[i] + 1, 0) end
  end
end

function kinds.quantile(x, e, t)
  for p, want in pairs(e) do near(p, stats.quantile(x.x, tonumber(p)), want.type7_linear, t) end
end

local function check(case)
  if not kinds[case.kind] then error("no such kind of case: " .. case.kind, 0) end
  kinds[case.kind](case.input, case.expected, case.tolerance)
end

------------------------------------------------------------------------------------ worked by hand
local function worked()
  -- V1, V3, V5, V7, V9 of the methodology
  local v1, adjusted = stats.nps(120, 30, 200), stats.nps(120, 30, 200, "adjusted")
  near("V1", v1.value, 45, 0)
  near("V1 margin", (v1.high - v1.low) / 2, 10.25, 0.005)
  near("V1 adjusted", (adjusted.high + adjusted.low) / 2, 44.33, 0.005)
  near("V1 low", adjusted.low, 34.14, 0.005)
  near("V1 high", adjusted.high, 54.53, 0.005)
  near("V3", stats.nps(0, 0, 0), nil, 0)
  local v5 = stats.nps_difference(110, 38, 200, 90, 45, 200)
  near("V5", v5.value, 13.5, 1e-12)
  near("V5 z", v5.z, 1.718, 0.0005)
  near("V5 p", v5.p, 0.0858, 0.00005)
  near("V7", stats.nps(100, 50, 300).value, 50 / 3, 1e-13)
  local answers = {}
  for score, n in ipairs { 80, 210, 140, 110, 160, 180, 120 } do
    for _ = 1, n do answers[#answers + 1] = score end
  end
  local v9 = stats.mean(answers)
  near("V9", v9.value, 4.08, 1e-12)
  near("V9 n", v9.n, 1000, 0)
  near("V9 sd", stats.sd(answers), v9.sd, 0)
  near("V9 from 5", stats.percent(stats.wilson(460, 1000)).value, 46, 1e-12)
  near("V9 net", stats.nps(300, 430, 1000).value, -13, 1e-12)
end

local function rates()
  -- gamma quantiles to 16 digits (mpmath)
  for _, row in ipairs { { 1, 0.0253178079842898754, 5.5716433909388986 }, { 2, 0.242209278543964903, 7.22468766772396082 },
    { 10, 4.79538869613243364, 18.3903560420177787 }, { 50, 37.110963737461863, 65.9187666643368171 },
    { 1000, 938.973018407695216, 1063.95213601630198 }, { 99999, 99380.1557627303517, 100620.741640773736 } } do
    local c = stats.poisson(row[1])
    near("poisson low", c.low, row[2], 1e-12 * row[1])
    near("poisson high", c.high, row[3], 1e-12 * row[1])
  end
  near("of 0", stats.poisson(0).high, -math.log(0.025), 1e-14) -- Q(1, u) = exp(−u)
  near("of 1", stats.poisson(1).low, -math.log(0.975), 1e-14)
  local rate = stats.poisson(10, 4)
  near("a rate", rate.value, 2.5, 0)
  near("its high", rate.high, stats.poisson(10).high / 4, 1e-15)
  -- the expansion goes on where Newton's method leaves off
  near("low, large", stats.poisson(10001).low - stats.poisson(9999).low, 1.9804001895407, 1e-8)
  near("high, large", stats.poisson(10001).high - stats.poisson(9999).high, 2.0195988332489, 1e-8)
  near("two rates", stats.two_rates(3, 1, 3, 1).p, 1, 0)
  near("binomial", stats.two_rates(0, 1, 5, 1).p, 2 / 32, 1e-13) -- 2·(1/2)⁵
  near("binomial", stats.two_rates(8, 1, 2, 1).p, 2 * 56 / 1024, 1e-13)
  near("nothing", stats.two_rates(0, 1, 0, 9).p, 1, 0)
end

local function means()
  -- t quantiles with 1 and 9 degrees of freedom
  local one = stats.mean { mean = 0, sd = 1, n = 2 }
  near("t of 1", one.high * math.sqrt(2), 12.7062047361747046, 1e-12)
  near("t of 9", stats.mean { mean = 0, sd = 1, n = 10 }.high * math.sqrt(10), 2.26215716279820554, 1e-12)
  for _, n in ipairs { 500, 501 } do -- by Newton's method, by expansion
    near("t of many", stats.mean({ mean = 0, sd = 1, n = n }).high * math.sqrt(n), n == 500 and 1.9647293909876891 or 1.9647198374673678, 1e-12)
  end
  local alone = stats.mean { 7 }
  near("one value", alone.value, 7, 0)
  near("no interval", alone.low, nil, 0)
  near("no mean", stats.mean {}, nil, 0)
  near("no sd", stats.sd { 7 }, nil, 0)
  near("no welch", stats.welch({ 1 }, { 1, 2 }), nil, 0)
  near("no variation", stats.welch({ 1, 1 }, { 2, 2 }).p, nil, 0)
  near("all promoters", stats.nps_difference(20, 0, 20, 20, 0, 20).p, 1, 0)
end

local function charts()
  local hits = stats.nelson({ 5, 5, 5, 5, 5, 5, 5, 50 }, { rules = { 1, 2 } })
  near("one hit", #hits, 1, 0)
  near("at the end", hits[1].index, 8, 0)
  hits = stats.nelson({ 0, 0, 0, 4, 0, -4 }, { center = 0, sigma = 1, rules = { 1 } })
  near("first", hits[1].index, 4, 0)
  near("second", hits[2].index, 6, 0)
  near("rule", hits[2].rule, 1, 0)
  near("nothing varies", #stats.nelson { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 0, 0)
  near("one point", stats.xmr { 1 }, nil, 0)
  near("no points", #stats.nelson {}, 0, 0)
end

local function adds_up(d)
  local mix, within, all = 0.0, 0.0, 0.0
  for _, g in ipairs(d.groups) do
    mix, within, all = mix + g.mix, within + g.within, all + g.change
    near("a group", g.mix + g.within, g.change, 0)
  end
  near("mix", mix, d.mix, 0)
  near("within", within, d.within, 0)
  near("change", d.mix + d.within, d.change, 0)
  near("of groups", all, d.change, 0)
  near("the rates' difference", d.change, d.after - d.before, 1e-12)
end

local function decomposed()
  -- Same rates inside, another mix: all of the change is mix (Simpson's paradox).
  local d = stats.decompose({ app = { x = 80, n = 100 }, shop = { x = 20, n = 100 } },
    { app = { x = 240, n = 300 }, shop = { x = 20, n = 100 } })
  near("before", d.before, 0.5, 0)
  near("after", d.after, 0.65, 0)
  near("mix", d.mix, 0.15, 1e-13)
  near("within", d.within, 0, 1e-13)
  near("first", d.groups[1].group, "app", 0)
  adds_up(d)
  d = stats.decompose({ { group = "a", value = 10, weight = 3 }, { group = "b", value = 20, weight = 1 } },
    { { group = "b", value = 26, weight = 1 }, { group = "a", value = 16, weight = 3 } })
  near("within alone", d.within, 6, 1e-13)
  near("no mix", d.mix, 0, 1e-13)
  adds_up(d)
  d = stats.decompose({ a = { x = 5, n = 10 } }, { a = { x = 5, n = 10 }, new = { x = 10, n = 10 } })
  near("a new group is mix", d.within, 0, 1e-15)
  adds_up(d)
  d = stats.decompose({ { x = 1, n = 3 }, { x = 2, n = 3 }, z = { x = 0, n = 1 } }, { { x = 2, n = 3 }, { x = 2, n = 5 } })
  near("numbers are names too", d.groups[2].group, 2, 0)
  near("texts after them", d.groups[3].group, "z", 0)
  adds_up(d)
  near("no data", stats.decompose({}, { a = { x = 1, n = 1 } }), nil, 0)
  local seed = 7
  local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % n
  end
  for round = 1, 200 do
    local sides = { {}, {} }
    for group = 1, 1 + random(40) do
      for side = 1, 2 do
        local n = random(4) == 0 and 0 or 1 + random(10 ^ (1 + round % 6))
        sides[side]["g" .. group] = { x = (random(2 * n + 1) - n) * 100 / 3, n = n }
      end
    end
    local found = stats.decompose(sides[1], sides[2])
    if found then adds_up(found) end
  end
end

return { check = check, worked = worked, rates = rates, means = means, charts = charts, decomposed = decomposed }
