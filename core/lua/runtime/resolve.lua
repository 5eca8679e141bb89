-- resolve.lua — names between plugins: who depends on what, who owns which id, which types, fields
-- and dimensions a KPI means.
-- Flow:   core/lua/resolve.c runs this chunk with every plugin's declarations, after all are loaded;
--         it returns the plugins' order (dependencies first), the buckets of histograms in their fields'
--         units, and every mistake it found.
-- Errors: none raised; a mistake belongs to a plugin, file and line.
local plugins, host, satisfies = ...
local ipairs, pairs, format, find, sort, concat = ipairs, pairs, string.format, string.find, table.sort, table.concat
local mistakes, order, buckets, by_name = {}, {}, {}, {}
local ATTRIBUTES = { id = true, source = true, type = true, time = true, subject = true, unit = true, actor = true }
local KEYS = { subject = true, unit = true, actor = true, source = true }
local NUMBERS = { integer = true, decimal = true, duration = true, money = true }
local RANKS = { integer = true, decimal = true, duration = true, time = true }
local PERSONAL = 'may not use the personal field "%s"; derive what it needs in the event'

local function report(p, at, fmt, ...)
  mistakes[#mistakes + 1] = { plugin = p.at, file = at.file, line = at.line, message = format(fmt, ...) }
end

local function suggest(word, names)
  local best = host.closest(word, names)
  return best and format(', did you mean "%s"?', best) or ""
end

local all_types = {}
for i, p in ipairs(plugins) do
  local d = p.declared or {}
  p.at, p.d, p.info, p.types, p.needs = i, d, d.plugin or { depends = {} }, {}, {}
  by_name[p.name] = p
  for _, t in ipairs(d.events or {}) do
    p.types[t.name] = t
    all_types[#all_types + 1] = t.name
    t.names = {}
    for k, f in ipairs(t.fields) do
      t.names[k], t.names[f.name] = f.name, f
    end
  end
  for _, need in ipairs(p.info.depends) do p.needs[need.name] = true end
end

------------------------------------------------------------------------------------------- order
local path = {}

local function circle(from)
  local first, text = 1, ""
  while path[first] ~= from do first = first + 1 end
  for i = first, #path do text = text .. path[i].name .. " → " end
  for i = first, #path do
    report(path[i], path[i].info, "plugin: depends goes in a circle: %s%s", text, from.name)
  end
end

local function visit(p)
  p.state = "on the way"
  path[#path + 1] = p
  for _, need in ipairs(p.info.depends) do
    local on = by_name[need.name]
    if on and on.state == "on the way" then
      circle(on)
    elseif on and not on.state then
      visit(on)
    end
  end
  path[#path] = nil
  p.state = "done"
  order[#order + 1] = p.at
end

local function check_depends(p)
  for _, need in ipairs(p.info.depends) do
    local on = by_name[need.name]
    if not on then
      report(p, p.info, 'plugin: depends on "%s", which is not there or not enabled', need.name)
    elseif on.info.version and not satisfies(on.info.version, need.want) then
      report(p, p.info, 'plugin: depends on "%s" %s, but version %s is here', on.name, need.want, on.info.version)
    end
  end
end

--------------------------------------------------------------------------------------------- ids
local taken = { event = {}, kpi = {}, import = {}, record = {}, journey = {}, sop = {} }

local function check_ids(p, kind, list, key)
  for _, v in ipairs(list or {}) do
    local id = v[key]
    local first = taken[kind][id]
    if first then
      report(p, v, '%s "%s": plugin "%s" declares it already (%s:%d)', kind, id, first.plugin, first.at.file, first.at.line)
    else
      taken[kind][id] = { plugin = p.name, at = v }
    end
  end
end

local views = {}

local function check_views(p)
  for _, t in ipairs(p.d.events or {}) do
    local view = host.view(t.name)
    local first = views[view]
    if first and first.name ~= t.name then
      report(p, t, 'event "%s": its view would be called %s, as that of event "%s" (%s:%d)', t.name, view, first.name,
        first.file, first.line)
    end
    views[view] = first or t
  end
end

-- The type, if it is the plugin's own or of one it depends on; else who owns it, if anybody.
local function find_type(p, name)
  local owner
  for _, q in ipairs(plugins) do
    if q.types[name] then
      if q == p or p.needs[q.name] then return q.types[name] end
      owner = q
    end
  end
  return nil, owner
end

local function of_another(owner)
  return format('belongs to plugin "%s": add %s = ">= %s" to depends', owner.name, owner.name, owner.info.version or "0")
end

local function check_ons(p)
  for _, on in ipairs(p.d.ons or {}) do
    local t, owner = find_type(p, on.type)
    if owner and not t then
      report(p, on, 'on "%s": the event %s', on.type, of_another(owner))
    elseif not t then
      report(p, on, 'on "%s": no such event type%s', on.type, suggest(on.type, all_types))
    end
  end
end

-------------------------------------------------------------------------------------------- SOPs
-- What an event of a run can be filled with, and the kinds of field that take it.
local WORD, NUMBER, WHOLE = { text = true, choice = true }, { decimal = true }, { integer = true, decimal = true }
local OF_RUN = { run = WORD, sop = WORD, hash = WORD, state = WORD, journey = WORD, key = WORD, stage = WORD, reason = WORD,
  version = { integer = true }, required = { boolean = true }, passed = { boolean = true }, score = NUMBER, minutes = WHOLE }
local OF_ITEM = { item = WORD, section = WORD, answer = WORD, value = WHOLE }

local function check_told(p, s, option, of)
  local name = s[option]
  if not name then return end
  local function wrong(fmt, ...)
    report(p, s, 'sop "%s": emits: %s', s.id, format(fmt, ...))
  end
  local t, owner = find_type(p, name)
  if owner and not t then
    return wrong('event "%s" %s', name, of_another(owner))
  elseif not t then
    return wrong('no such event type "%s"%s', name, suggest(name, all_types))
  end
  for _, f in ipairs(t.fields) do
    local kinds = not f.derived and (of[f.name] or OF_RUN[f.name])
    if kinds and not kinds[f.kind] then
      local want = {}
      for kind in pairs(kinds) do want[#want + 1] = kind end
      sort(want)
      wrong('field "%s" of event "%s" is %s; a run\'s %s needs %s', f.name, name, f.kind, f.name, concat(want, " or "))
    end
  end
end

-------------------------------------------------------------------------------------------- KPIs
local NOT_DIMENSIONS = { subject = true, id = true, time = true }

local function check_money(k, m, f, wrong)
  if not f.currency and not k.has.currency then
    return wrong('a %s of money needs one currency: declare "%s" with currency = "%s", or add "currency" to by', m.kind,
      m.field, host.currency)
  elseif k.format == "money" and f.currency then
    k.currency = k.currency or f.currency
    if k.currency ~= f.currency then
      wrong("its sums are in %s and %s: one figure needs one currency", k.currency, f.currency)
    end
  end
end

-- The bucket in units of the field; 1 = each value by itself.
local function check_bucket(m, f, wrong)
  local n, why = 1, nil
  if m.bucket then n, why = host.amount(f.kind, m.bucket, f.scale, f.currency or host.currency, true) end
  if not n and f.kind == "duration" and (find(m.bucket, "^%d+mo$") or find(m.bucket, "^%d+y$")) then
    return wrong('bucket "%s": months and years have no fixed width; use d, w, h, min, s or ms', m.bucket)
  elseif not n then
    return wrong("bucket %s", why)
  elseif n < 1 then
    return wrong("bucket must be above 0")
  end
  buckets[#buckets + 1] = { plugin = m.at_plugin, kpi = m.at_kpi, measure = m.at_measure, bucket = n }
end

local function check_numbers(k, m, f, wrong)
  if not f or not NUMBERS[f.kind] then
    return wrong('"%s" cannot be %s: it is %s, not integer, decimal, duration or money', m.field,
      m.kind == "sum" and "summed" or "put in a histogram", f and f.kind or "an attribute")
  end
  if f.kind == "money" then check_money(k, m, f, wrong) end
  if m.kind == "histogram" then check_bucket(m, f, wrong) end
end

local function check_field(k, m, t, wrong)
  local f = not ATTRIBUTES[m.field] and t.names[m.field] or nil
  if not f and not ATTRIBUTES[m.field] then
    wrong('event "%s" has no field "%s"%s', t.name, m.field, suggest(m.field, t.names))
  elseif f and f.personal then
    wrong(PERSONAL, m.field)
  elseif m.kind == "sum" or m.kind == "histogram" then
    check_numbers(k, m, f, wrong)
  end
end

-- latest = { KEY, by = RANK }
local function check_choice(m, t, wrong)
  local key, rank = t.names[m.key], t.names[m.rank]
  if ATTRIBUTES[m.key] then
    if not KEYS[m.key] then
      wrong('%s: "%s" cannot be the key; use subject, unit, actor, source or a field', m.choose, m.key)
    end
  elseif not key then
    wrong('%s: event "%s" has no field "%s"%s', m.choose, t.name, m.key, suggest(m.key, t.names))
  elseif key.personal then
    wrong("%s: " .. PERSONAL, m.choose, m.key)
  end
  if m.rank == "time" then return end
  if not rank and not ATTRIBUTES[m.rank] then
    wrong('%s: event "%s" has no field "%s"%s', m.choose, t.name, m.rank, suggest(m.rank, t.names))
  elseif not rank or not RANKS[rank.kind] then
    wrong('%s: by must be "time" or a field that is an integer, decimal, duration or time; "%s" is %s', m.choose, m.rank,
      rank and rank.kind or "an attribute")
  elseif rank.personal then
    wrong("%s: " .. PERSONAL, m.choose, m.rank)
  end
end

-- Where no measure says what events there are, any that the plugin may count has to have the dimension.
local function check_by(p, k)
  local names, personal = {}, {}
  for name in pairs(ATTRIBUTES) do
    if not NOT_DIMENSIONS[name] then names[#names + 1], names[name] = name, true end
  end
  for _, q in ipairs(plugins) do
    for _, t in ipairs((q == p or p.needs[q.name]) and q.d.events or {}) do
      for _, f in ipairs(t.fields) do
        if f.personal then
          personal[f.name] = true
        elseif not names[f.name] then
          names[#names + 1], names[f.name] = f.name, true
        end
      end
    end
  end
  sort(names)
  for _, name in ipairs(k.by) do
    if not names[name] and not NOT_DIMENSIONS[name] then
      report(p, k, 'kpi "%s": by: ' .. (personal[name] and PERSONAL or 'no event has a field "%s"%s'), k.id, name,
        suggest(name, names))
    end
  end
end

local function check_measure(p, k, m)
  local function wrong(fmt, ...)
    report(p, k, 'kpi "%s": measure "%s": %s', k.id, m.name, format(fmt, ...))
  end
  local t, owner = find_type(p, m.type)
  if owner and not t then
    return wrong('event "%s" %s', m.type, of_another(owner))
  elseif not t then
    return wrong('no such event type "%s"%s', m.type, suggest(m.type, all_types))
  end
  k.known = true
  if m.field then check_field(k, m, t, wrong) end
  if m.choose then check_choice(m, t, wrong) end
  if m.at and m.at ~= "time" then
    local f = t.names[m.at]
    if not f or f.kind ~= "time" then
      wrong('at must be a time field of event "%s", "%s" is %s', t.name, m.at, f and f.kind or "none of its fields")
    elseif f.personal then
      wrong(PERSONAL, m.at)
    end
  end
  for _, name in ipairs(k.by) do
    local f = t.names[name]
    if not f and not ATTRIBUTES[name] then
      wrong('by: event "%s" has no field "%s"%s', t.name, name, suggest(name, t.names))
    elseif f and f.personal then
      wrong("by: " .. PERSONAL, name)
    end
  end
end

local function check_kpi(p, k, at_kpi)
  k.has = {}
  for _, name in ipairs(k.by) do
    k.has[name] = true
    if NOT_DIMENSIONS[name] then
      report(p, k, 'kpi "%s": by: "%s" cannot be a dimension; use unit, actor, source, type or a field', k.id, name)
    end
  end
  for i, m in ipairs(k.measures) do
    m.at_plugin, m.at_kpi, m.at_measure = p.at, at_kpi, i
    check_measure(p, k, m)
  end
  if not k.known then check_by(p, k) end
end

---------------------------------------------------------------------------------------- journeys
local KEY_KINDS = { text = true, choice = true, integer = true }

-- A field that names something of a journey, in one of its types.
local function check_name(what, name, t, wrong)
  local f = t.names[name]
  if not f then
    wrong('%s: event "%s" has no field "%s"%s', what, t.name, name, suggest(name, t.names))
  elseif not KEY_KINDS[f.kind] then
    wrong('%s: "%s" is %s in event "%s"; it must be text, choice or integer', what, name, f.kind, t.name)
  elseif f.personal then
    wrong('%s: "%s" is personal in event "%s", and everyone who sees the instance sees it', what, name, t.name)
  end
end

local function check_fields(p, j, wrong)
  local d = j.definition
  for _, way in ipairs(d.start) do
    local t = find_type(p, way.type)
    for _, name in ipairs(t and d.by or {}) do
      local f = t.names[name]
      if NOT_DIMENSIONS[name] then
        wrong('by: "%s" cannot be a dimension; use unit, actor, source, type or a field', name)
      elseif not f and not ATTRIBUTES[name] then
        wrong('by: event "%s", which begins it, has no field "%s"%s', t.name, name, suggest(name, t.names))
      elseif f and f.personal then
        wrong("by: " .. PERSONAL, name)
      end
    end
  end
  local asked, owner = find_type(p, d.nps)
  local score = asked and asked.names.score
  if d.nps and not asked then
    wrong('nps: event "%s" %s', d.nps, owner and of_another(owner) or "is not declared")
  elseif d.nps and not (score and score.kind == "integer") then
    wrong('nps: event "%s" has no field score = cx.integer { min = 0, max = 10 }', d.nps)
  end
  for _, part in ipairs(d.promises and { "id", "due" } or {}) do
    local name, made = d.promises[part], find_type(p, d.promises.made)
    if name and made and not made.names[name] then
      wrong('promises: %s: event "%s" has no field "%s"%s', part, made.name, name, suggest(name, made.names))
    end
  end
end

local function has_sop(p, id)
  for _, q in ipairs(plugins) do
    for _, s in ipairs((q == p or p.needs[q.name]) and q.d.sops or {}) do
      if s.id == id then return true end
    end
  end
  return false
end

local function check_journey(p, j)
  local seen, key, named = {}, j.definition.key, j.definition.named
  local function wrong(fmt, ...) report(p, j, 'journey "%s": %s', j.id, format(fmt, ...)) end
  for _, use in ipairs(j.uses) do
    local t, owner = find_type(p, use.type)
    if owner and not t then
      report(p, use, '%s: event "%s" %s', use.what, use.type, of_another(owner))
    elseif not t then
      report(p, use, '%s: no such event type "%s"%s', use.what, use.type, suggest(use.type, all_types))
    elseif not seen[t] then
      seen[t] = true
      if key and key ~= "subject" then check_name("key", key, t, wrong) end
      if named then check_name("stages", named, t, wrong) end
    end
  end
  for _, s in ipairs(j.definition.stages) do
    if s.sop and not has_sop(p, s.sop) then
      wrong('stage "%s": no SOP "%s" in this plugin or in one of its depends', s.id, s.sop)
    end
  end
  if not j.inside then check_fields(p, j, wrong) end
end

for _, p in ipairs(plugins) do
  if not p.state then visit(p) end
end
for _, at in ipairs(order) do
  local p = plugins[at]
  check_depends(p)
  check_ids(p, "event", p.d.events, "name")
  check_ids(p, "kpi", p.d.kpis, "id")
  check_ids(p, "import", p.d.imports, "id")
  check_ids(p, "record", p.d.records, "name")
  check_ids(p, "journey", p.d.journeys, "id")
  check_views(p)
  check_ons(p)
  for _, j in ipairs(p.d.journeys or {}) do check_journey(p, j) end
  check_ids(p, "sop", p.d.sops, "id")
  for _, s in ipairs(p.d.sops or {}) do
    check_told(p, s, "run", OF_RUN)
    check_told(p, s, "item", OF_ITEM)
  end
  for i, k in ipairs(p.d.kpis or {}) do check_kpi(p, k, i) end
end
return { order = order, mistakes = mistakes, buckets = buckets }
