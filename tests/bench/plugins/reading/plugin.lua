-- The company that reading.py asks about: a sale and its answer are one fact, so that both figures
-- are over as many events as there are. peer/reading.js makes the same rows from the same rule.
cx.plugin { name = "reading", version = "1.0.0", api = 1, title = "Reading",
  config = {
    events = cx.integer { default = 1000000 },
    people = cx.integer { default = 200000 },
  },
}

cx.event "sale.answered" { fields = { score = cx.integer { min = 0, max = 10, required = true } } }

cx.kpi "nps" { title = "NPS", format = "points", by = { "unit" },
  measures = {
    promoters = cx.count("sale.answered", function(e) return e.score >= 9 end),
    detractors = cx.count("sale.answered", function(e) return e.score <= 6 end),
    answers = cx.count("sale.answered"),
  },
  formula = function(m) return 100 * (m.promoters - m.detractors) / m.answers end,
  interval = function(m) return cx.stats.nps(m.promoters, m.detractors, m.answers) end,
}
cx.kpi "repeat-rate" { title = "Repeat rate", format = "%", by = { "unit" },
  measures = {
    buyers = cx.distinct("sale.answered", "subject"),
    again = cx.distinct("sale.answered", "subject", { times = 2, days = true }),
  },
  formula = function(m) return 100 * #m.again / #m.buyers end,
}

local P <const>, DAYS <const>, START <const> = 2147483647, 1096, 1672531200   -- 2023-01-01 to 2025-12-31

-- A number below P out of a row and what it is for. Squaring modulo a prime mixes well enough, and
-- SQL can say the same without leaving 64 bits.
local function hash(i, what)
  local x = (i * 48271 + what * 69621 + 12345) % P
  x = (x * x + what) % P
  return (x * x + 1) % P
end

cx.import "reading" { total = cx.config.events, generate = function(emit)
  local events, people, span = cx.config.events, cx.config.people, DAYS * 86400
  local units, day, date = {}, -1, ""
  for u = 0, 19 do units[u] = ("u%02d"):format(u) end
  for i = 0, events - 1 do
    local t = i * span // events
    local s = t % 86400
    if t // 86400 ~= day then
      day = t // 86400
      date = cx.day((START + day * 86400) * 1000)
    end
    local r = hash(i, 3) % 100
    emit { type = "sale.answered", id = "s" .. i, source = "/bench",
      time = ("%sT%02d:%02d:%02dZ"):format(date, s // 3600, s // 60 % 60, s % 60),
      subject = "c" .. hash(i, 1) % people, unit = units[hash(i, 2) % 20],
      data = { score = r < 52 and 9 + r % 2 or r < 78 and 7 + r % 2 or r % 7 } }
  end
end }
