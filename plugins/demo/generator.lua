-- The year of the demo company, day by day. What follows a purchase (delivery, survey, return,
-- complaint, contact) waits in the day it becomes known, so memory holds a few weeks at most. Events
-- leave in the order they became known: late ones come late, with their own earlier time.
local attendances = require "attendances"
local calendar = require "calendar"
local random = require "random"
local units = require "units"
local words = require "words"

local floor <const> = math.floor
local HOUR <const>, DAY <const> = 3600, calendar.DAY
local ORDERS <const> = 12.885                    -- of a store of size 1 on an average day
local REASONS <const> = { "atendimento", "espera", "preço", "produto", "entrega", "ambiente" }
local TOPICS <const> = { "troca", "entrega", "dúvida", "pagamento" }
-- A store without a line for some days: its till sends everything when the line is back.
local OFFLINE <const> = { unit = "ba-01", from = calendar.day_of(2026, 3, 9),
  to = calendar.day_of(2026, 3, 13) }

local M = {}

-- One company's year in the making: rnd, stores by place, and the days that wait.
local function company()
  local rnd = random.new(20251101)
  local stores = {}
  for i, u in ipairs(units) do
    stores[i] = { unit = u, index = i, orders = 0, contacts = 0, complaints = 0,
      known = floor(u.size * 1400) }
  end
  for i, s in ipairs(stores) do
    local before = stores[i - 1]
    s.near = before and before.unit.state == s.unit.state and before or stores[i + 1] or before
  end
  return rnd, stores
end

-- An opaque id; the product is a bijection on 32 bits, so no two people share one.
local function person(store, number)
  local n = store.index << 20 | number
  return ("c-%08x"):format(n * 2654435761 & 0xffffffff), number * 40503 % 1000 < 460
end

local function customer(rnd, store)
  local home = rnd.chance(0.06) and store.near or store
  if rnd.chance(0.14) then
    home.known = home.known + 1
    return person(home, home.known)
  end
  local r = rnd.unit()                         -- the first ones come more often
  return person(home, 1 + floor(home.known * r * (0.3 + 0.7 * r)))
end

local function quality(unit, day)
  return unit.quality + (unit.final - unit.quality) * calendar.progress(day)
end

local function score(rnd, q)
  local r = rnd.unit()
  local detractors = math.max(0.02, 0.46 - 0.48 * q)
  if r < detractors then
    local low = rnd.unit()
    return low < 0.34 and 6 or low < 0.56 and 5 or rnd.integer(0, 4)
  elseif r > 0.82 - 0.6 * q then
    return rnd.chance(0.45) and 9 or 10
  end
  return rnd.chance(0.4) and 7 or 8
end

local function comment(rnd, points, reason)
  if points <= 6 then return rnd.chance(0.62) and rnd.pick(words.detractor[reason]) or nil end
  if points <= 8 then return rnd.chance(0.18) and rnd.pick(words.passive) or nil end
  return rnd.chance(0.26) and rnd.pick(words.promoter) or nil
end

function M.year(emit)
  local rnd, stores = company()
  local waiting = {}                           -- day it becomes known → list of events

  -- at: when it happened; known: when we heard of it (both seconds of the wall clock).
  local function add(at, known, event)
    local day = known // DAY
    if day > calendar.last or at < calendar.first * DAY then return end
    event.time, event.recordedtime = calendar.text(at), calendar.text(known)
    local list = waiting[day]
    if not list then list = {}; waiting[day] = list end
    list[#list + 1] = { known = known, place = #list, event = event }
  end

  -- Told as it happens, and not told again.
  local attended = attendances(function(at, event)
    local day = at // DAY
    if day > calendar.last or at < calendar.first * DAY then return end
    event.time, event.recordedtime = calendar.text(at), calendar.text(at)
    local list = waiting[day] or {}
    waiting[day] = list
    list[#list + 1] = { known = at, place = #list, event = event, again = true }
  end)

  local function heard(store, channel, at)
    local day = at // DAY
    if store.unit.id == OFFLINE.unit and channel == "loja" and day >= OFFLINE.from
      and day <= OFFLINE.to then
      return (OFFLINE.to + 1) * DAY + 8 * HOUR + rnd.integer(0, 2 * HOUR)
    end
    return at + rnd.integer(0, 4)
  end

  -- A survey is sent to three identified orders in ten; one in three of those that arrive is answered.
  local function survey(store, order, q)
    if not order.subject or not rnd.chance(0.3) then return end
    local id = "s-" .. order.id
    local day = order.at // DAY + rnd.integer(0, 3)
    local at = math.max(order.at + HOUR, day * DAY + rnd.integer(9 * HOUR, 22 * HOUR))
    local in_store = order.channel == "loja"
    local arrived = in_store or rnd.chance(0.94)
    add(at, at + rnd.integer(0, 4), { type = "survey.sent", id = id, subject = order.subject,
      unit = store.unit.id, source = "/pesquisa",
      data = { survey = id, instrument = "nps", kind = "transactional",
        via = in_store and "tablet" or "email", state = arrived and "delivered" or "bounced" } })
    if not arrived or not rnd.chance(0.34) then return end
    at = at + (in_store and rnd.integer(20, 180) or rnd.integer(300, 2 * DAY))
    local points = score(rnd, q)
    local reason = rnd.pick(REASONS)
    -- Some answers are given on a tablet that is synchronised days later.
    local known = in_store and rnd.chance(0.06)
      and at + rnd.integer(DAY, 9 * DAY) or at + rnd.integer(0, 4)
    add(at, known, { type = "nps.answered", id = "nps-" .. order.id, subject = order.subject,
      unit = store.unit.id, source = in_store and order.source or "/pesquisa",
      data = { survey = id, score = points, channel = order.channel, reason = reason,
        comment = comment(rnd, points, reason) } })
  end

  -- What becomes of an order after it was paid: cancelled, partly given back, or exchanged.
  local function adjustment(store, order, q)
    if not rnd.chance(0.012 + 0.05 * (1 - q)) then return end
    local r, kind, amount = rnd.unit(), "cancel", -order.net
    local at = order.at + rnd.integer(HOUR, 8 * DAY)
    if r >= 0.65 then
      kind, amount = "refund", -floor(order.net * (0.1 + 0.5 * rnd.unit()))
    elseif r >= 0.35 then
      kind, amount = "exchange", floor(order.net * (rnd.unit() - 0.5) * 0.4)
    end
    add(at, heard(store, order.channel, at), { type = "order.adjusted", id = "adjusted-" .. order.id,
      subject = order.subject, unit = store.unit.id, source = order.source,
      data = { order = order.id, ordered = calendar.text(order.at), kind = kind,
        amount = amount, channel = order.channel } })
  end

  local function delivery(store, order, q)
    local today = order.at % DAY < 15 * HOUR and rnd.chance(0.2 + 0.55 * q)
    local at = today and order.at // DAY * DAY + rnd.integer(17 * HOUR, 22 * HOUR)
      or (order.at // DAY + rnd.integer(1, q < 0.55 and 5 or 3)) * DAY
        + rnd.integer(9 * HOUR, 20 * HOUR)
    add(at, heard(store, order.channel, at), { type = "order.delivered",
      id = "delivered-" .. order.id, subject = order.subject, unit = store.unit.id,
      source = "/entregas", data = { order = order.id, bought = calendar.text(order.at) } })
    return today and q or q - 0.08
  end

  local function complaint(store, order, q)
    if not rnd.chance(0.003 + 0.075 * (1 - q) * (1 - q)) then return end
    store.complaints = store.complaints + 1
    local r = rnd.unit()
    local channel = r < 0.42 and "sac" or r < 0.72 and "loja" or r < 0.9 and "reclameaqui"
      or r < 0.97 and "consumidor_gov" or "procon"
    r = rnd.unit()
    local category = order.channel ~= "loja" and r < 0.5 and "entrega" or r < 0.4 and "produto"
      or r < 0.75 and "atendimento" or r < 0.9 and "cobrança" or "outro"
    local id = ("r-%s-%04d"):format(store.unit.id, store.complaints)
    local at = order.at + rnd.integer(2 * HOUR, 9 * DAY)
    add(at, heard(store, channel, at), { type = "complaint.opened", id = id,
      subject = order.subject, unit = store.unit.id, source = "/reclamacoes/" .. channel,
      data = { complaint = id, category = category, channel = channel,
        order = order.id, severity = rnd.integer(1, channel == "procon" and 5 or 4) } })
    local function move(when, what, more)
      more.complaint, more.move = id, what
      add(when, when + rnd.integer(0, 30), { type = "complaint.moved", id = what .. "-" .. id,
        subject = order.subject, unit = store.unit.id, source = "/reclamacoes/" .. channel,
        data = more })
    end
    at = at + rnd.integer(4 * HOUR, 6 * DAY)
    move(at, "answered", {})
    if not rnd.chance(0.9) then return end
    at = at + rnd.integer(HOUR, 4 * DAY)
    move(at, "resolved", {})
    if rnd.chance(0.45) then
      local solved = rnd.chance(0.25 + 0.6 * q)
      move(at + rnd.integer(HOUR, 6 * DAY), "rated", { solved_by_consumer = solved,
        rating = solved and rnd.integer(5, 10) or rnd.integer(0, 4),
        would_return = rnd.chance(solved and 0.7 or 0.15) })
    end
  end

  local function contact(store, order, q)
    if not rnd.chance(0.02 + 0.05 * (1 - q)) then return end
    store.contacts = store.contacts + 1
    local id = ("a-%s-%05d"):format(store.unit.id, store.contacts)
    local opened = order.at + rnd.integer(HOUR, 5 * DAY)
    local wait = rnd.chance(q) and 0 or rnd.integer(0, 2 * DAY)
    local closed = opened + wait + rnd.integer(180, 1800)
    local event = { subject = order.subject, unit = store.unit.id, source = "/atendimento" }
    local function copy(type, name, data)
      return { type = type, id = name .. id, subject = event.subject, unit = event.unit,
        source = event.source, data = data }
    end
    add(opened, opened + rnd.integer(0, 2), copy("contact.opened", "",
      { contact = id, channel = order.channel, topic = rnd.pick(TOPICS) }))
    add(closed, closed + rnd.integer(0, 2), copy("contact.closed", "closed-",
      { contact = id, channel = order.channel, opened = calendar.text(opened),
        solved = rnd.chance(0.45 + 0.55 * q) }))
    if order.subject and rnd.chance(0.35) then
      local answered = closed + rnd.integer(600, 20 * HOUR)
      local ease = rnd.unit() + q + 0.15
      add(answered, answered + rnd.integer(0, 4), copy("ces.answered", "ces-",
        { score = math.max(1, math.min(7, 1 + floor(ease * 3.7))), channel = order.channel }))
    end
    if order.subject and rnd.chance(0.25) then
      local answered = closed + rnd.integer(60, 6 * HOUR)
      local pleased = rnd.unit() * 0.5 + q * 0.6
      add(answered, answered + rnd.integer(0, 4), copy("csat.answered", "csat-",
        { score = math.max(1, math.min(5, 1 + floor(pleased * 5))), channel = order.channel }))
    end
  end

  local function channel_of(day)
    if calendar.closed(day) then return "app" end
    local r = rnd.unit()
    return r < 0.66 and "loja" or r < 0.92 and "app" or "telefone"
  end

  local function order(store, day, q)
    local channel = channel_of(day)
    local open, close = calendar.hours(day)
    if channel == "app" then open, close = 7 * HOUR, DAY end
    local span = close - open
    local at = day * DAY + open + floor((rnd.unit() + rnd.unit()) * 0.5 * span)
    store.orders = store.orders + 1
    local id = ("%s-%06d"):format(store.unit.id, store.orders)
    local subject, member
    if channel ~= "loja" or rnd.chance(0.84) then subject, member = customer(rnd, store) end
    local items = rnd.chance(0.52) and 1 or rnd.integer(2, 5)
    local net = 0
    for _ = 1, items do
      local r = rnd.unit()
      net = net + floor(1990 + r * r * 16000 * (channel == "app" and 1.15 or 1))
    end
    local o = { id = id, at = at, subject = subject, channel = channel, net = net,
      source = channel == "loja" and ("/loja/%s/pdv/%d"):format(store.unit.id, rnd.integer(1, 3))
        or "/" .. channel }
    add(at, heard(store, channel, at), { type = "order.placed", id = "order-" .. id,
      subject = subject, unit = store.unit.id, source = o.source,
      data = { order = id, net = net, items = items, channel = channel,
        member = member or false } })
    local felt = q
    if channel ~= "loja" then felt = delivery(store, o, q) end
    survey(store, o, felt)
    adjustment(store, o, felt)
    complaint(store, o, felt)
    contact(store, o, felt)
    if store.unit.id ~= OFFLINE.unit then attended(store, o, q) end
  end

  -- Emits what became known on a day, in that order. A till that did not hear our answer sends an
  -- event again: at once, or with the next day's first ones.
  local function flush(day)
    local list = waiting[day] or {}
    waiting[day] = nil
    table.sort(list, function(a, b)
      if a.known ~= b.known then return a.known < b.known end
      return a.place < b.place
    end)
    for _, item in ipairs(list) do
      emit(item.event)
      if not item.again and rnd.chance(0.006) then
        if rnd.chance(0.7) or day == calendar.last then
          emit(item.event)
        else
          local next_day = waiting[day + 1] or {}
          waiting[day + 1] = next_day
          next_day[#next_day + 1] = { known = (day + 1) * DAY, place = #next_day,
            event = item.event, again = true }
        end
      end
    end
  end

  for day = calendar.first, calendar.last do
    local demand = calendar.demand(day) * ORDERS
    for _, store in ipairs(stores) do
      local q = quality(store.unit, day)
      local mean = demand * store.unit.size * (0.62 + 0.55 * q) * (0.82 + 0.36 * rnd.unit())
      if calendar.closed(day) then mean = mean * 0.25 end
      for _ = 1, floor(mean + rnd.unit()) do order(store, day, q) end
    end
    flush(day)
  end
end

return M
