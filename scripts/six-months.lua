-- The last six months in one page: the figures against the six months before, NPS by store against
-- the chain, and by month and week.
--   cxd run six-months --as-of 2026-11-01

local LAST <const> = "6mo"

local function figure(reply) return reply.text or "sem dados" end

local function interval(reply)
  return reply.low_text and ("%s a %s"):format(reply.low_text, reply.high_text) or ""
end

-- Against the six months before.
local function change(reply)
  local verdict = reply.verdict_text or ""
  if not reply.change_text then return verdict end
  return verdict == "" and reply.change_text or ("%s (%s)"):format(reply.change_text, verdict)
end

-- The store's interval against the chain's value.
local function against(group, chain)
  if group.note == "few_answers" then           -- shown, not judged
    return ("poucas respostas (%s)"):format(group.n_text)
  elseif not group.low then
    return "sem dados"
  elseif group.low > chain then
    return "acima da rede"
  elseif group.high < chain then
    return "abaixo da rede"
  end
  return "não comprovado"
end

-- Judged stores by value, then those with few answers; equal ones by name.
local function ranked(groups)
  local list = {}
  for i, g in ipairs(groups) do list[i] = g end
  local function key(g)
    return g.note ~= "few_answers" and g.value or -1000
  end
  table.sort(list, function(a, b)
    if key(a) ~= key(b) then return key(a) > key(b) end
    return tostring(a.by.unit) < tostring(b.by.unit)
  end)
  return list
end

local function summary(r)
  local query = { last = LAST, compare = "previous" }
  local nps, revenue = r:kpi("nps", query), r:kpi("revenue", query)
  local ticket, rate = r:kpi("average-ticket", query), r:kpi("complaints-per-1000-orders", query)
  if not nps.value then
    r:text("Sem dados: nenhuma pesquisa respondida nos últimos seis meses.")
    return nps
  end
  local said = "De %s, %s respostas: NPS %s (%s), %s contra os seis meses anteriores. O faturamento "
    .. "foi de %s, com ticket médio de %s. Houve %s reclamações por mil pedidos, %s."
  r:text(said:format(nps.period_text, r:number(nps.measures.answers, "integer"), figure(nps),
    interval(nps), change(nps), figure(revenue), figure(ticket), figure(rate), change(rate)))
  return nps
end

local function stores(r, chain)
  local reply = r:kpi("nps", { last = LAST, by = { "unit" }, compare = "previous" })
  local rows, below = {}, {}
  for i, g in ipairs(ranked(reply.groups)) do
    local unit = g.by.unit or "sem unidade"
    local said = against(g, chain)
    if said == "abaixo da rede" then below[#below + 1] = unit end
    rows[i] = { unit, figure(g), interval(g), r:number(g.measures.answers, "integer"),
      g.rank and g.rank.text or "", said, change(g) }
  end
  r:table { columns = { "Unidade", "NPS", "Intervalo de 95 %", "Respostas", "Posição",
    "Contra a rede", "Seis meses antes" }, rows = rows }
  if #below == 0 then
    r:text("Nenhuma unidade está comprovadamente abaixo da rede.")
  else
    r:text("Abaixo da rede, com 95 % de confiança: " .. table.concat(below, ", ") .. ".")
  end
  return below
end

local function months(r, where)
  local query = { last = LAST, every = "month", where = where }
  local nps, rate = r:kpi("nps", query), r:kpi("complaints-per-1000-orders", query)
  local orders = r:kpi("orders", query)
  local rows = {}
  for i, month in ipairs(nps.series) do
    rows[i] = { (month.from:gsub("^(%d+)-(%d+).*$", "%2/%1")), figure(month),
      r:number(month.measures.answers, "integer"), figure(rate.series[i]),
      figure(orders.series[i]) }
  end
  r:table { columns = { "Mês", "NPS", "Respostas", "Reclamações por mil", "Pedidos" }, rows = rows }
end

return cx.script {
  title = "Últimos seis meses",
  audience = { "cx-manager", "director" },
  run = function(r)
    r:section("Indicadores"):kpis { "nps", "ces-mean", "revenue", "average-ticket",
      "repeat-rate-r1", "loyalty-l2", "complaints", "complaints-per-1000-orders", last = LAST }
    local nps = summary(r)
    if not nps.value then return end
    r:section("NPS por unidade")
    local below = stores(r, nps.value)
    r:section("Mês a mês")
    months(r)
    for _, unit in ipairs(below) do
      r:section("Mês a mês: " .. unit)
      months(r, { unit = unit })
    end
    r:section("NPS semana a semana"):chart(nps:control())
    r:section("Motivos")
    r:table(r:kpi("voices", { last = LAST, by = { "reason" } }))
  end,
}
