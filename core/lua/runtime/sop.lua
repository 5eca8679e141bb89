-- sop.lua — what a checklist's answers come to: which items apply, what is missing, the score.
-- Flow:   declare_sop.lua binds judge() to each cx.sop; core/lua/sop_bind.c calls it with a run and its
--         answers after every write.
-- Score = Σ weight·score / Σ weight over the items that apply. N/A leaves the denominator; no answer
-- counts 0, but for an abandoned run, where it leaves the denominator too; a critical item that scores
-- 0 makes its section 0, or the run; nothing left to count is null, never 0.
-- Pure. Errors: a condition that raises is told in warnings, and its item applies.
local host, _, common = ...
local next, pcall, tostring, type = next, pcall, tostring, type
local null = host.null
local setmetatable = setmetatable
local NEARLY <const> = 1e-12
local LIST = { __name = "cx.list", __metatable = false } -- empty, it is [] and not {}

local function list() return setmetatable({}, LIST) end

local function in_range(item, n)
  return (not item.min or n >= item.min) and (not item.max or n <= item.max)
end

local SCORES = {
  ["yes-no"] = function(_, a) return a.answer == "yes" and 1 or 0 end,
  choice = function(item, a)
    for _, c in next, item.choices do
      if c.choice == a.answer then return c.score or 1 end
    end
    return 0
  end,
  number = function(item, a) return in_range(item, a.answer) and 1 or 0 end,
  text = function() return 1 end,
  time = function() return 1 end,
  count = function() return 1 end,
  photo = function(_, a) return a.evidence > 0 and a.answer ~= "no" and 1 or 0 end,
  signature = function() return 1 end,
}
SCORES.file = SCORES.photo

-- Which items apply. A condition sees the answers of items that apply, as far as it is known: those
-- before it in the list for certain.
local function find_applying(def, when, run)
  local answers, applies, warnings = {}, {}, list()
  for item, a in next, run.answers do answers[item] = a.answer end
  local seen = common.read_only("run", { answers = common.read_only("run.answers", answers),
    context = common.read_only("run.context", run.context or {}), unit = run.unit, actor = run.actor,
    subject = run.subject, sop = def.id, version = def.version })
  for i, item in next, def.items do
    local yes, fn = true, when[item.item]
    if fn then
      local ok, is = pcall(fn, seen)
      yes = not ok or not not is
      if not ok then warnings[#warnings + 1] = { item = item.item, message = "when: " .. tostring(is) } end
    end
    applies[i] = yes
    if not yes then answers[item.item] = nil end
  end
  return applies, warnings
end

-- What the item counts: nil where it is out of the denominator.
local function counted(item, a, state)
  if a and a.answer == "na" then return nil end
  if a then return SCORES[item.kind](item, a) end
  if state == "abandoned" then return nil end
  return 0
end

local function lacking(item, a)
  local a_file = item.kind == "photo" or item.kind == "file"
  if a and (a.answer == "na" or not item.evidence or a.evidence > 0) then return nil end
  local need = a and "evidence" or "answer"
  return { item = item.item, need = need, text = item.text,
    required = a ~= nil or item.required or (a_file and item.evidence) or false }
end

local function share(sum)
  return sum.weight > 0 and sum.got / sum.weight or nil
end

local function add(sum, weight, score)
  sum.got, sum.weight = sum.got + weight * score, sum.weight + weight
end

-- Per hour of exposure, the items that count something.
local function exposure(def, run, applies)
  local from, to = run.answers[def.exposure.from], run.answers[def.exposure.to]
  if not (from and to and type(from.answer) == "number" and type(to.answer) == "number" and to.answer > from.answer) then
    return { minutes = null, rates = list() }
  end
  local ms, rates = to.answer - from.answer, list()
  for i, item in next, def.items do
    local a = run.answers[item.item]
    if item.kind == "count" and applies[i] and a and type(a.answer) == "number" then
      rates[#rates + 1] = { item = item.item, count = a.answer, per_hour = a.answer * 3600000 / ms }
    end
  end
  return { minutes = ms / 60000, rates = rates }
end

-- def: what was declared; when: conditions by item; run: { state, unit, actor, subject, context, answers =
-- { [item] = { answer, evidence = how many } } }.
local function judge(def, when, run)
  local applies, warnings = find_applying(def, when, run)
  local out = { items = list(), missing = list(), sections = list(), warnings = warnings }
  local all, sections, dead = { got = 0, weight = 0 }, {}, false
  local covered = false -- nobody is told what is right before the end
  for i, s in next, def.sections do sections[s.section] = { got = 0, weight = 0, dead = false, at = i } end
  for i, item in next, def.items do
    local a = run.answers[item.item]
    local score = applies[i] and counted(item, a, run.state)
    local cover = item.quiz and run.state == "open"
    covered = covered or cover
    out.items[i] = { item = item.item, applies = applies[i], score = a and not cover and score or null }
    if applies[i] then
      out.missing[#out.missing + 1] = lacking(item, a)
      if item.critical and score == 0 and (a or run.state == "finished") then
        if item.critical == "section" then sections[item.section].dead = true else dead = true end
      end
      if score then add(sections[item.section] or all, item.weight, score) end
    end
  end
  for i, s in next, def.sections do
    local sum = sections[s.section]
    if sum.dead then sum.got = 0 end
    local score = share(sum)
    out.sections[i] = { section = s.section, score = not covered and score or null }
    if s.weight then
      if score then add(all, s.weight, score) end
    else
      all.got, all.weight = all.got + sum.got, all.weight + sum.weight
    end
  end
  local score = share(all)
  if score and dead then score = 0 end
  out.score, out.passed = not covered and score or null, null
  if run.state == "finished" and def.pass and score then out.passed = score >= def.pass - NEARLY end
  if def.exposure then out.exposure = exposure(def, run, applies) end
  return out
end

return { judge = judge, list = list, cx = {}, declared = function() end }
