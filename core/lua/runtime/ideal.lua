-- ideal.lua — how near an instance came to its journey's ideal way: at every step, and at its end.
-- Flow:   runtime/journey.lua tells entered() and left(), and asks judge() when the call is over.
-- Meaning: of the stages entered and the ideal ones as many as possible are matched in order, by weight; the rest
--         is skipped (ideal, not lived), inserted (lived, not ideal) or, where a stage is both, out_of_order;
--         a matched one that took longer than its ideal `within` is late. Each costs its weight. fitness is 1 less
--         what it cost, by the worst there is: all of the ideal way skipped and all that was lived inserted.
--         Of an open instance only the part of the ideal way counts up to which the stages fit best.
-- Pure. State: s.way, the stages entered, in order; late ones with "!" before them.
local host = ...
local next, setmetatable, sub, max = next, setmetatable, string.sub, math.max
local MOST = 200 -- stages of an instance that are looked at
local LIST = { __name = "cx.list", __metatable = false } -- empty, it is [] and not {}

local function entered(d, s)
  if not d.ideal then return end
  s.way = s.way or {}
  if #s.way < MOST then s.way[#s.way + 1] = s.stage end
end

-- The stage is left; at: when.
local function left(d, s, at, unit)
  local way = s.way
  if not way or way[#way] ~= s.stage then return end
  for _, step in next, d.ideal do
    if step.stage == s.stage and step.within then
      local due = host.due(s.entered, step.within, unit)
      if due and at > due then way[#way] = "!" .. s.stage end
      return
    end
  end
end

-- best[i][j]: the most weight that i stages lived and j ideal ones have in common, in order.
local function common(lived, ideal)
  local best = { [0] = {} }
  for j = 0, #ideal do best[0][j] = 0 end
  for i = 1, #lived do
    local row, above = { [0] = 0 }, best[i - 1]
    for j = 1, #ideal do
      row[j] = max(above[j], row[j - 1])
      if lived[i] == ideal[j].stage then row[j] = max(row[j], above[j - 1] + ideal[j].weight) end
    end
    best[i] = row
  end
  return best
end

-- What is left of lived and of the first n ideal stages when those in common are taken out, and which those are.
local function unmatched(lived, ideal, n, best)
  local extra, missing, matched = {}, {}, {}
  local i, j = #lived, n
  while i > 0 or j > 0 do
    if i > 0 and j > 0 and lived[i] == ideal[j].stage and best[i][j] == best[i - 1][j - 1] + ideal[j].weight then
      matched[#matched + 1] = { i, j }
      i, j = i - 1, j - 1
    elseif j > 0 and (i == 0 or best[i][j] == best[i][j - 1]) then
      missing[#missing + 1] = j
      j = j - 1
    else
      extra[#extra + 1] = i
      i = i - 1
    end
  end
  return extra, missing, matched
end

-- Deviations of the whole way lived from the first n ideal stages, in order, and what they cost.
local function compare(lived, late, ideal, weights, n, best)
  local out, cost, extra, missing, matched = {}, 0, unmatched(lived, ideal, n, best)
  local function add(kind, stage, weight)
    out[#out + 1] = { kind = kind, stage = stage }
    cost = cost + weight
  end
  for k = #missing, 1, -1 do
    local step, pair = ideal[missing[k]], nil
    for at = #extra, 1, -1 do
      if extra[at] and lived[extra[at]] == step.stage then pair = pair or at end
    end
    if pair then extra[pair] = false end
    add(pair and "out_of_order" or "skipped", step.stage, step.weight)
  end
  for k = #extra, 1, -1 do
    if extra[k] then add("inserted", lived[extra[k]], weights[lived[extra[k]]] or 1) end
  end
  for k = #matched, 1, -1 do
    local i, j = matched[k][1], matched[k][2]
    if late[i] then add("late", lived[i], ideal[j].weight) end
  end
  return out, cost
end

-- { fitness, deviations } of the state; nil where the journey has no ideal way.
local function judge(d, s)
  if not d.ideal or not s.way then return nil end
  local lived, late, weights, worst = {}, {}, {}, 0
  for j = #d.ideal, 1, -1 do weights[d.ideal[j].stage] = d.ideal[j].weight end
  for i, name in next, s.way do
    late[i] = sub(name, 1, 1) == "!"
    lived[i] = late[i] and sub(name, 2) or name
    worst = worst + (weights[lived[i]] or 1)
  end
  local best, found, cost = common(lived, d.ideal), nil, nil
  for n = s.stage and 0 or #d.ideal, #d.ideal do
    local deviations, price = compare(lived, late, d.ideal, weights, n, best)
    if not cost or price <= cost then found, cost = deviations, price end
  end
  for j = 1, #d.ideal do worst = worst + d.ideal[j].weight end
  return { fitness = 1 - cost / worst, deviations = setmetatable(found, LIST) }
end

return { entered = entered, left = left, judge = judge }
