-- A few of the visits to the stores, step by step as the attendant's tablet told them: the way through
-- the journey of the plugin service, what its checklists came to (imported history runs none), what was
-- promised and kept. They have a generator of their own, so that the rest of the year is what it is
-- without them.
local calendar = require "calendar"
local random = require "random"

local MINUTE <const>, HOUR <const>, DAY <const> = 60, 3600, calendar.DAY
local SHARE <const> = 0.005                      -- of the purchases in a store

-- Of service/sops.lua: the items that every run has, with their weights; and the critical one.
local CHECKLISTS <const> = {
  welcome = { stage = "receive", critical = "greet", { "greet", 1 }, { "name", 2 }, { "need", 2 } },
  service = { stage = "execute", critical = "terms", { "options", 1 }, { "terms", 1 }, { "promise", 2 } },
  closing = { stage = "close", critical = "confirm", { "confirm", 1 }, { "next", 2 }, { "survey", 1 } },
}

-- add(at, event): of the generator. Gives back what a purchase may add.
return function(add)
  local rnd = random.new(20251102)
  local count = 0

  -- Its id, and what tells a step of it. attendance = false: a fact that does not name it.
  local function attendance(store, source, subject)
    count = count + 1
    local id = ("v-%05d"):format(count)
    return id, function(when, type, data, name)
      if data.attendance == false then data.attendance = nil else data.attendance = id end
      add(when, { type = type, id = (name or type) .. "-" .. id, subject = subject, unit = store.unit.id,
        source = source, data = data })
    end
  end

  local function checklist(tell, id, q, at, sop)
    local list, got, all, dead = CHECKLISTS[sop], 0, 0, false
    local function run(state, score, name)
      tell(at, "sop.run", { run = sop .. "-" .. id, sop = sop, version = 1, state = state, journey = "attendance", key = id,
        stage = list.stage, required = false, score = score, passed = score and score >= 0.9, attendance = false }, name .. "-" .. sop)
    end
    run("open", nil, "begun")
    if not rnd.chance(0.86 + 0.13 * q) then return end
    for _, item in ipairs(list) do
      local yes = rnd.chance(0.5 + 0.55 * q)
      all, got, dead = all + item[2], got + (yes and item[2] or 0), dead or (not yes and item[1] == list.critical)
      tell(at, "sop.item", { run = sop .. "-" .. id, sop = sop, version = 1, item = item[1], answer = yes and "yes" or "no",
        score = yes and 1 or 0, attendance = false }, sop .. "-" .. item[1])
    end
    run("finished", dead and 0 or got / all, "done")
  end

  local function promised(tell, q, id, at)
    local promise, due = "p-" .. id, (at // DAY + rnd.integer(1, 3)) * DAY + 18 * HOUR
    tell(at, "promise.made", { promise = promise, what = "Ligar quando chegar", due = calendar.text(due) })
    if rnd.chance(0.9) then
      local settled = rnd.chance(0.35 + 0.65 * q) and due - rnd.integer(HOUR, 6 * HOUR) or due + rnd.integer(HOUR, 2 * DAY)
      tell(settled, "promise.settled", { promise = promise, kept = rnd.chance(0.97), attendance = false })
    end
    return true
  end

  -- Up to where the customer is understood; when that was.
  local function received(tell, q, at)
    tell(at, "attendance.started", { channel = "loja", tourist = rnd.chance(0.04) })
    at = at + rnd.integer(4, rnd.chance(0.3 + 0.6 * q) and 28 or 150)
    tell(at, "attendance.greeted", {})
    return at + rnd.integer(20, 180)
  end

  local function lost(store, source, at)
    local _, tell = attendance(store, source)
    tell(at, "attendance.started", { channel = "loja" })
    if rnd.chance(0.5) then tell(at + rnd.integer(10, 90), "attendance.greeted", {}) end
    tell(at + rnd.integer(3 * MINUTE, 12 * MINUTE), "attendance.left", {})
  end

  local function served(store, source, subject, q, paid)
    local id, tell = attendance(store, source, subject)
    local sale = rnd.chance(0.7)
    local at = received(tell, q, paid - rnd.integer(6 * MINUTE, 30 * MINUTE))
    tell(at, "need.stated", { need = sale and "compra" or rnd.pick { "troca", "dúvida", "reparo" } })
    checklist(tell, id, q, at - 5, "welcome")
    if sale then
      tell(at + 1, "sale.opportunity", { opportunity = "o-" .. id, state = "opened", channel = "loja", attendance = false }, "opened")
    end
    if rnd.chance(0.2 - 0.15 * q) then
      tell(at + 2 * MINUTE, "attendance.transferred", { to = "caixa" })
    end
    local promise = rnd.chance(0.15) and promised(tell, q, id, paid - 30)
    tell(paid, "service.done", { result = sale and "sold" or "solved" })
    if sale then
      tell(paid, "sale.opportunity", { opportunity = "o-" .. id, state = rnd.chance(0.45 + 0.5 * q) and "won" or "lost",
        channel = "loja", attendance = false }, "decided")
    end
    checklist(tell, id, q, paid - 5, "service")
    at = paid + rnd.integer(30, 4 * MINUTE)
    tell(at, "attendance.ended", { solved = rnd.chance(0.7 + 0.3 * q), reason = promise and "entrega prometida" or nil })
    checklist(tell, id, q, at - 5, "closing")
  end

  return function(store, order, q)
    if order.channel ~= "loja" or not rnd.chance(SHARE) then return end
    served(store, order.source, order.subject, q, order.at)
    if rnd.chance(0.3 * (1 - q)) then lost(store, order.source, order.at + rnd.integer(MINUTE, 20 * MINUTE)) end
  end
end
