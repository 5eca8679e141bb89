-- declare_sop.lua — cx.sop, cx.item, cx.section: checklists, their checks, and the data they become.
-- Flow:   runs before declare.lua, whose table of words takes these in; see there.
-- Owns:   a copy of what was declared: content is what makes a version (its functions beside it), the
--         rest is how the plugin uses it.
local host, _, _, c = ...
local sop = select(select("#", ...), ...)
local type, next, format, match, math_type, tostring = type, next, string.format, string.match, math.type, tostring
local report, options, checks, body_table = c.report, c.options, c.checks, c.body_table
local one_of, sorted, length, position = c.one_of, c.sorted, c.length, c.position
local UNSCORED = { time = true, count = true }
local sops = {}

local function name_ok(name)
  return type(name) == "string" and #name <= 60 and match(name, "^%l[%l%d_%-]*$") ~= nil
end

local function weight(v)
  return type(v) == "number" and v >= 0 and v - v == 0, "a number, 0 or more"
end

local function fraction(v)
  return type(v) == "number" and v >= 0 and v <= 1, "a number from 0 to 1"
end

------------------------------------------------------------------------------------ items, sections
-- cx.item "id" { … }, cx.section "id" { … }: the token stands in the list of items.
local function part(word)
  return function(id, ...)
    c.only_loading(word)
    local pos = position()
    local token = setmetatable({}, { __metatable = false, __name = "cx." .. word })
    local made = { word = word, id = id, pos = pos }
    c.remember(token, made)
    local function take(spec)
      made.spec = spec
      return token
    end
    if type(id) ~= "string" then report(pos, 'cx.%s needs its name first: cx.%s "name" { … }', word, word) end
    if select("#", ...) > 0 then return take((...)) end
    return take
  end
end

local ITEM_RULES = {
  text = "title", kind = one_of("yes-no", "choice", "number", "text", "photo", "file", "signature", "time", "count"),
  weight = weight, evidence = "boolean", required = "boolean", na = "boolean", when = "function",
  critical = function(v) return v == true or v == false or v == "run", 'true, false or "run"' end,
}
local OF_KIND = {
  choice = { choices = "table", scores = "table", right = "any" },
  number = { min = "number", max = "number", format = "text" },
}

-- What is worth what: right = "b" (or a list), or scores = { a = 1, b = 0.5 }.
local function choices(pos, label, o, item)
  local right, seen = o.right, {}
  if type(right) ~= "table" then right = { right } end
  for i = 1, length(o.choices or {}) do
    local v = o.choices[i]
    if not checks.text(v) or seen[v] or v == "na" then
      report(pos, '%s: choice %d must be a text of its own ("na" is taken)', label, i)
      return
    end
    seen[v] = true
    local score = o.scores and o.scores[v]
    if o.scores and not (fraction(score)) then report(pos, '%s: scores: "%s" needs a number from 0 to 1', label, v) end
    if o.right ~= nil then
      score, item.quiz = 0, true
      for _, r in next, right do if r == v then score = 1 end end
    end
    item.choices[i] = { choice = v, score = score }
  end
  if #item.choices == 0 then report(pos, '%s: a choice needs its choices: choices = { "a", "b" }', label) end
  if o.right ~= nil and o.scores then report(pos, "%s: right and scores exclude each other", label) end
  for _, what in next, { right, sorted(o.scores or {}) } do
    for _, v in next, what do
      if not seen[v] then report(pos, '%s: "%s" is none of its choices%s', label, tostring(v), c.suggest(v, sorted(seen))) end
    end
  end
end

local function item_body(out, made, section)
  local pos, label = made.pos, format('sop "%s": item "%s"', out.id, made.id)
  if not body_table(pos, label, made.spec) then return end
  if not name_ok(made.id) then report(pos, "%s: the name takes a-z, 0-9, _ and -, at most 60 letters", label) end
  local kind = made.spec.kind or "yes-no"
  local rules = {}
  for k, v in next, ITEM_RULES do rules[k] = v end
  for k, v in next, OF_KIND[kind] or {} do rules[k] = v end
  local spec = {}
  for k, v in next, made.spec do spec[k] = v end
  for _, other in next, sorted(OF_KIND) do
    for _, k in next, sorted(OF_KIND[other]) do
      if spec[k] ~= nil and not rules[k] then
        report(pos, "%s: %s has no meaning for kind %s", label, k, tostring(kind))
        spec[k] = nil
      end
    end
  end
  local o = options(pos, label, spec, rules)
  local item = { item = made.id, text = o.text, kind = kind, evidence = o.evidence, required = o.required, na = o.na,
    min = o.min, max = o.max, format = o.format, section = section, when = o.when and true,
    weight = o.weight or (UNSCORED[kind] and 0 or 1) }
  if made.spec.text == nil then report(pos, "%s: text is missing", label) end
  if o.critical then item.critical = (o.critical == "run" or not section) and "run" or "section" end
  if item.min and item.max and item.min > item.max then report(pos, "%s: min is greater than max", label) end
  if kind == "choice" then
    item.choices = {}
    choices(pos, label, o, item)
  end
  if out.of[made.id] then report(pos, "%s: given twice", label) end
  out.of[made.id] = item
  out.items[#out.items + 1] = item
  if o.when then out.when[made.id] = o.when end
end

local SECTION_RULES = { title = "title", weight = weight, items = "table" }

local function take_items(out, pos, label, list, section)
  local n = length(list)
  for _, k in next, sorted(list) do
    if math_type(k) ~= "integer" or k < 1 or k > n then
      report(pos, '%s: items must be a list as { cx.item "greet" { … } }', label)
      return
    end
  end
  for i = 1, n do
    local made = c.recall(list[i])
    if made and made.word == "section" and not section then
      local at = format('sop "%s": section "%s"', out.id, made.id)
      if body_table(made.pos, at, made.spec) then
        local o = options(made.pos, at, made.spec, SECTION_RULES)
        if out.sections[made.id] then report(made.pos, "%s: given twice", at) end
        out.sections[made.id] = true
        out.sections[#out.sections + 1] = { section = made.id, title = o.title, weight = o.weight }
        take_items(out, made.pos, at, o.items or {}, made.id)
      end
    elseif made and made.word == "item" then
      item_body(out, made, section)
    else
      report(pos, '%s: item %d must be cx.item "name" { … }%s', label, i, section and "" or ' or cx.section "name" { … }')
    end
  end
end

--------------------------------------------------------------------------------------------- sops
local SOP_RULES = {
  version = "integer", title = "title", role = "kebab", items = "table", pass = fraction, embargo = "text",
  exposure = "table", emits = function(v) return checks.text(v) or checks.table(v), 'an event type, or { run = …, item = … }' end,
}
local EMITS_RULES = { run = "text", item = "text" }
local EXPOSURE_RULES = { from = "text", to = "text" }

local function exposure(pos, label, out, spec)
  local o = options(pos, label .. ": exposure", spec, EXPOSURE_RULES)
  for _, k in next, { "from", "to" } do
    local item = out.of[o[k]]
    if not item or item.kind ~= "time" then
      report(pos, '%s: exposure: %s must name an item of kind "time"', label, k)
    end
  end
  return { from = o.from, to = o.to }
end

local function declare_sop(pos, id, spec)
  local label = format('sop "%s"', id)
  if not body_table(pos, label, spec) then return end
  if not checks.kebab(id) or #id > 60 then
    report(pos, '%s: the id must be lower-kebab as "welcome", at most 60 letters', label)
  end
  local o = options(pos, label, spec, SOP_RULES)
  local out = { id = id, items = {}, sections = {}, of = {}, when = {} }
  if spec.version == nil then
    report(pos, "%s: version is missing: 1, 2, 3…", label)
  elseif o.version and o.version < 1 then
    report(pos, "%s: version must be at least 1", label)
  end
  take_items(out, pos, label, o.items or {}, nil)
  if spec.items == nil or (o.items and #out.items == 0) then report(pos, "%s: needs items", label) end
  if #out.items > 500 then report(pos, "%s: at most 500 items", label) end
  local embargo = o.embargo and host.amount("duration", o.embargo, 0, host.currency, true)
  if o.embargo and not (embargo and embargo > 0) then
    report(pos, '%s: embargo must be a duration as "14d"', label)
  end
  local emits = type(o.emits) == "string" and { run = o.emits }
    or options(pos, label .. ": emits", o.emits or {}, EMITS_RULES)
  local content = { id = id, version = o.version, title = o.title, role = o.role, pass = o.pass, embargo_ms = embargo or nil,
    items = sop.list(), sections = sop.list() }
  for i = 1, #out.items do content.items[i] = out.items[i] end
  for i = 1, #out.sections do content.sections[i] = out.sections[i] end
  if o.exposure then content.exposure = exposure(pos, label, out, o.exposure) end
  if sops[id] then
    report(pos, "%s: declared twice (first at %s:%d)", label, sops[id].file, sops[id].line)
    return
  end
  sops[id] = { id = id, file = pos.file, line = pos.line, version = o.version or 1, emits = emits, content = content,
    when = out.when }
end

-- For those who answer: without what is right.
local function shown(content)
  local out, any = {}, false
  for k, v in next, content do out[k] = v end
  out.items = sop.list()
  for i, item in next, content.items do
    local copy = {}
    for k, v in next, item do copy[k] = v end
    if item.quiz then
      any, copy.choices = true, {}
      for k, v in next, item.choices do copy.choices[k] = { choice = v.choice } end
    end
    out.items[i] = copy
  end
  return any and out or nil
end

local function declared(all, handle)
  all.sops = {}
  for i, id in next, sorted(sops) do
    local s, fns = sops[id], {}
    local when = s.when
    for _, item in next, s.content.items do
      fns[#fns + 1] = handle(when[item.item], "sop %s: when of %s", id, item.item)
    end
    all.sops[i] = { id = id, file = s.file, line = s.line, version = s.version, run = s.emits.run, item = s.emits.item,
      content = s.content, shown = shown(s.content), fns = fns,
      judge = handle(function(run) return sop.judge(s.content, when, run) end, "sop %s", id) }
  end
end

return { cx = { sop = c.declaration("sop", declare_sop), item = part "item", section = part "section" }, declared = declared }
