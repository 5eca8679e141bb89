local WEIGHT = { a = 1, b = 2, c = 1, d = 1, x = 1 }
local IDEAL = { "a", "b", "c", "d" }
local function go(key, to) send { type = "w.moved", data = { k = key, to = to } } end
local function live(key, way)
  for stage in way:gmatch "." do go(key, stage) end
end
local function shown(tx, key)
  local out = {}
  for _, d in ipairs(tx:journey("way", key).conformance.deviations) do out[#out + 1] = d.kind .. ":" .. d.stage end
  return table.concat(out, " ")
end
local function fitness(tx, key) return tx:journey("way", key).conformance.fitness end

test("the whole way, and each deviation", function(tx)
  local n = 0
  local function is(way, deviations, cost)
    n = n + 1
    local worst = 5
    for s in way:gmatch "." do worst = worst + WEIGHT[s] end
    live("k" .. n, way) go("k" .. n, "end")
    expect(shown(tx, "k" .. n)).is(deviations)
    expect(fitness(tx, "k" .. n)).is(1 - cost / worst)
  end
  is("abcd", "", 0)
  is("abd", "skipped:c", 1)
  is("acd", "skipped:b", 2)
  is("abxcd", "inserted:x", 1)
  is("abbcd", "inserted:b", 2)
  is("abdc", "out_of_order:d", 1)
  is("bacd", "out_of_order:a", 1)
  is("x", "skipped:a skipped:b skipped:c skipped:d inserted:x", 6)
end)

test("an open one is not blamed for what is still to come", function(tx)
  live("o", "ab") expect(shown(tx, "o")).is "" expect(fitness(tx, "o")).is(1)
  live("p", "abd") expect(shown(tx, "p")).is "skipped:c"
  live("q", "xa") expect(shown(tx, "q")).is "inserted:x"
end)

test("late", function(tx)
  at "2026-03-02 10:00" live("l", "ab") advance "11min" live("l", "cd") go("l", "end")
  expect(shown(tx, "l")).is "late:b" expect(fitness(tx, "l")).is(1 - 2 / 10)
  at "2026-03-02 11:00" live("m", "ab") advance "10min" live("m", "cd") go("m", "end")
  expect(shown(tx, "m")).is ""
end)

-- Every way of matching the stages lived with the ideal ones in order, and the cheapest of them.
local function exhaustive(way)
  local best
  local function try(i, j, matched)
    if i > #way or j > #IDEAL then
      local left, missing, cost = {}, {}, 0
      for n = 1, #way do if not matched[n] then left[way[n]] = (left[way[n]] or 0) + 1 end end
      local used = {}
      for _, at in pairs(matched) do used[at] = true end
      for n = 1, #IDEAL do if not used[n] then missing[IDEAL[n]] = (missing[IDEAL[n]] or 0) + 1 end end
      for s, n in pairs(left) do cost = cost + n * WEIGHT[s] end
      for s, n in pairs(missing) do cost = cost + n * WEIGHT[s] - math.min(n, left[s] or 0) * WEIGHT[s] end
      if not best or cost < best then best = cost end
      return
    end
    try(i + 1, j, matched)
    try(i, j + 1, matched)
    if way[i] == IDEAL[j] then
      matched[i] = j
      try(i + 1, j + 1, matched)
      matched[i] = nil
    end
  end
  try(1, 1, {})
  return best
end

test("it is the cheapest alignment there is, of all ways of up to four stages", function(tx)
  local names, n = { "a", "b", "c", "d", "x" }, 0
  local function each(way)
    if #way > 0 then
      n = n + 1
      local key, worst = "e" .. n, 5
      for _, s in ipairs(way) do
        worst = worst + WEIGHT[s]
        go(key, s)
      end
      go(key, "end")
      expect(fitness(tx, key)).is(1 - exhaustive(way) / worst)
    end
    if #way == 4 then return end
    for i = 1, #names do
      if #way < 3 or (i + n) % 5 == 0 then
        way[#way + 1] = names[i]
        each(way)
        way[#way] = nil
      end
    end
  end
  each {}
  expect(n > 200).is(true)
end)
