-- Who buys, who comes back, who stays. Anonymous purchases have no buyer: identified-share says how
-- many orders the other figures rest on.
local BY <const> = { "unit", "channel" }
local COHORT <const> = cx.config.cohort_days
local COHORT_AGO <const> = ("-%dd"):format(COHORT)

local buyers = cx.distinct("order.placed", "subject")
-- On two days or more: a second receipt on the same day is no return.
local twice = cx.distinct("order.placed", "subject", { times = 2, days = true })

local function title(pt, en) return { ["pt-BR"] = pt, en = en } end
local function share(part, whole) return cx.stats.percent(cx.stats.wilson(part, whole)) end

cx.kpi "customers" {
  title = title("Clientes que compraram", "Customers who bought"),
  format = "integer", better = "higher", tier = "strategic", owner = "cx-manager", by = BY,
  measures = { buyers = buyers },
  formula = function(m) return #m.buyers end,
}
cx.kpi "identified-share" {
  title = title("Pedidos identificados", "Identified orders"),
  format = "%", better = "higher", tier = "operational", owner = "store-manager", by = BY,
  measures = {
    identified = cx.count("order.placed", "subject"),
    orders = cx.count "order.placed",
  },
  formula = function(m) return 100 * m.identified / m.orders end,
  interval = function(m) return share(m.identified, m.orders) end,
}

---------------------------------------------------------------- recurrence
cx.kpi "repeat-rate-r1" {
  title = title("Recorrência R1: voltaram no período", "Repeat rate R1: came back within the period"),
  format = "%", better = "higher", tier = "strategic", owner = "cx-manager", by = BY,
  measures = { buyers = buyers, returned = twice },
  formula = function(m) return 100 * #m.returned / #m.buyers end,
  interval = function(m) return share(#m.returned, #m.buyers) end,
}

local function returning(m) return #(m.buyers & m:before().buyers), #m.buyers end
cx.kpi "returning-share-r2" {
  title = title("Recorrência R2: já compravam antes", "Returning share R2: had bought before"),
  format = "%", better = "higher", tier = "tactical", owner = "cx-manager", by = BY,
  measures = { buyers = buyers },
  formula = function(m)
    local returned, all = returning(m)
    return 100 * returned / all
  end,
  interval = function(m) return share(returning(m)) end,
}

-- The cohort: first purchase in the period moved back, so that everybody in it was followed for as
-- many days at least. Back by the period's end: on two days of what lies before the period, on two
-- days of the period, or on one of each.
local function cohort(m)
  local then_ = m:shift(COHORT_AGO)
  if not then_ then return end
  local new, before = then_.buyers - then_:before().buyers, m:before()
  local back = before.returned | m.returned | (before.buyers & m.buyers)
  return #(new & back), #new
end
cx.kpi "repeat-rate-r3" {
  title = title(("Recorrência R3: coorte de %d dias antes"):format(COHORT),
    ("Repeat rate R3: cohort of %d days before"):format(COHORT)),
  format = "%", better = "higher", tier = "tactical", owner = "cx-manager", by = BY,
  measures = { buyers = buyers, returned = twice },
  formula = function(m)
    local back, all = cohort(m)
    if back then return 100 * back / all end
  end,
  interval = function(m)
    local back, all = cohort(m)
    if back then return share(back, all) end
  end,
}

---------------------------------------------------------------- loyalty
-- As sets: customers who come back after a pause cannot push it above 100 %.
local function stayed(m)
  local before = m:shift("-12mo")
  if before then return #(before.buyers & m.buyers), #before.buyers end
end
cx.kpi "loyalty-l1" {
  title = title("Fidelidade L1: ativos que ficaram, 12 meses",
    "Loyalty L1: active ones who stayed, 12 months"),
  format = "%", better = "higher", tier = "strategic", owner = "cx-manager", by = BY,
  measures = { buyers = buyers },
  formula = function(m)
    local here, all = stayed(m)
    if here then return 100 * here / all end
  end,
  interval = function(m)
    local here, all = stayed(m)
    if here then return share(here, all) end
  end,
}
cx.kpi "loyalty-l2" {
  title = title("Fidelidade L2: vendas do clube", "Loyalty L2: club sales"),
  format = "%", better = "higher", tier = "strategic", owner = "cx-manager", by = BY,
  measures = {
    members = cx.sum("order.placed", "net", function(e) return e.member and e.subject ~= nil end),
    identified = cx.sum("order.placed", "net", function(e) return e.subject ~= nil end),
  },
  formula = function(m) return 100 * m.members / m.identified end,
}
