-- declare.lua — the `cx` table of plugins: every declaration, and every check that needs one plugin
-- only (what crosses plugins is resolve.lua).
-- Flow:   core/lua/define.c runs this chunk with the host's functions, common.lua and fields.lua before
--         plugin.lua; declarations are checked as they are made and kept as plain tables;
--         finish() hands them over with all mistakes.
-- Owns:   copies of everything a plugin passed in: changing a table after declaring changes nothing.
-- Errors: mistakes are collected, loading goes on; after loading the same call raises.
-- Every library function is captured here: plugin code may do to its globals what it likes.
local host, _, common, c, satisfies, compare = ...
local extensions = { select(7, ...) } -- of the other declare_*.lua: { cx = words, declared = function(all, handle) }
local type, next, error, select, tostring, setmetatable = type, next, error, select, tostring, setmetatable
local math_type, format, match, find, sort = math.type, string.format, string.match, string.find, table.sort
local position, report, only_loading, options = c.position, c.report, c.only_loading, c.options
local sorted, length, suggest, checks, snake = c.sorted, c.length, c.suggest, c.checks, c.snake
local is_text = checks.text
local one_of, body_table, declaration, fields = c.one_of, c.body_table, c.declaration, c.fields
local LATER = c.later

local plugin -- what cx.plugin declared
local events, kpis, ons, imports, records = {}, {}, {}, {}, {}

------------------------------------------------------------------------------------------- plugin
local values, known = {}, {} -- cx.config: values, and the names declared
local moneys = {} -- those that are tables: each reader gets a copy

local function config(pos, spec)
  local out = {}
  fields(pos, "plugin: config", spec, false, out)
  for _, f in next, out do known[f.name] = f end
  for i = 1, #out do
    values[out[i].name] = out[i].default
  end
  local names = sorted(known)
  for _, entry in next, host.conf do
    local at = { file = host.conf_file, line = entry.line }
    local f = known[entry.key]
    local label = format("[plugin:%s] %s", host.name, entry.key)
    if f then
      local v = c.value_of(at, label, "value", f, entry.value, true)
      if v ~= nil then values[f.name] = v end
    else
      report(at, "%s: the plugin declares no such key%s", label, suggest(entry.key, names))
    end
  end
  for i = 1, #out do
    local f = out[i]
    local v = values[f.name]
    if f.required and v == nil then
      report({ file = host.conf_file, line = host.conf_line }, "[plugin:%s] %s: is required", host.name, f.name)
    elseif f.kind == "money" and v then
      values[f.name], moneys[f.name] = nil, { amount = v, currency = f.currency or host.currency }
    end
  end
end

local PLUGIN_RULES = {
  name = "text", version = "text", api = "any", title = "title", depends = "table", config = "table",
  permissions = "table",
}
local PERMISSIONS = { webhook = "table", mail = "boolean" }

local function declare_plugin(spec)
  only_loading("plugin")
  local pos = position()
  if not body_table(pos, "cx.plugin", spec) then return end
  if plugin then
    report(pos, "plugin: declared twice (first at %s:%d)", plugin.file, plugin.line)
    return
  end
  local o = options(pos, "plugin", spec, PLUGIN_RULES)
  plugin = { file = pos.file, line = pos.line, name = o.name, version = o.version, title = o.title, depends = {} }
  if spec.name == nil then
    report(pos, "plugin: name is missing")
  elseif o.name and o.name ~= host.name then
    report(pos, 'plugin: name "%s" is not that of its folder, "%s"', o.name, host.name)
  elseif not match(host.name, "^%l[%l%d_%-]*$") then
    report(pos, "plugin: the name must be lower-kebab")
  end
  if spec.version == nil then
    report(pos, "plugin: version is missing")
  elseif o.version and not match(o.version, "^%d+%.%d+%.%d+$")
    and not match(o.version, "^%d+%.%d+%.%d+[%-+][%w%.%-+]+$") then
    report(pos, 'plugin: version must be three numbers as "1.4.0"')
    plugin.version = nil
  end
  if spec.api ~= 1 then report(pos, "plugin: api must be 1") end
  for _, name in next, sorted(o.depends or {}) do
    local want = o.depends[name]
    if type(name) ~= "string" or type(want) ~= "string" then
      report(pos, 'plugin: depends: write { voc = ">= 1.0" }')
    elseif satisfies(nil, want) == nil then
      report(pos, 'plugin: depends: "%s": cannot read "%s", write ">= 1.0", "^1" or "1.2"', name, want)
    elseif name == host.name then
      report(pos, "plugin: depends: on itself")
    else
      plugin.depends[#plugin.depends + 1] = { name = name, want = want }
    end
  end
  local allowed = options(pos, "plugin: permissions", o.permissions or {}, PERMISSIONS)
  for i = 1, length(allowed.webhook or {}) do
    local url = allowed.webhook[i]
    if type(url) ~= "string" or not match(url, "^https?://[%w%.%-:]+/") then
      report(pos, "plugin: permissions: webhook %d must be scheme, host and path as https://host/path/", i)
    end
  end
  config(pos, o.config)
end

------------------------------------------------------------------------------------------- events
local EVENT_RULES = { title = "title", fields = "table", derive = "table", open = "boolean", replaces = LATER }

local function declare_event(pos, name, spec)
  local label = format('event "%s"', name)
  if not body_table(pos, label, spec) then return end
  if not match(name, "^%l[%l%d_]*%.%l[%l%d_%.]*$") or find(name, "%.%.") or find(name, "%.$") or #name > 120 then
    report(pos, '%s: the name must be noun.verb_past as "visit.rated"', label)
  end
  local o = options(pos, label, spec, EVENT_RULES)
  local e = { name = name, file = pos.file, line = pos.line, title = o.title, open = o.open or false, fields = {} }
  fields(pos, label, o.fields, false, e.fields)
  e.declared = #e.fields
  fields(pos, label, o.derive, true, e.fields)
  if #e.fields > 250 then report(pos, "%s: at most 250 fields", label) end
  if events[name] then
    report(pos, "%s: declared twice (first at %s:%d)", label, events[name].file, events[name].line)
    return
  end
  events[name] = e
end

---------------------------------------------------------------------------------------------- KPIs
local unavailable = {} -- returned by everything that does not exist yet; takes any use
setmetatable(unavailable, {
  __call = function() return unavailable end, __index = function() return unavailable end,
  __newindex = function() end, __concat = function() return "" end, __metatable = false,
})

local function unsubtractable()
  return false, "of a measure that can be subtracted: count, sum or histogram"
end

-- The unit is the field's, which resolve.lua knows.
local function bucket(v)
  return type(v) == "number" and v > 0 and v - v == 0 or checks.text(v), 'a number above 0, or a text as "0.5" or "1min"'
end

local RULES = { where = "function", at = "text", latest = "table", first = "table" }
local MEASURE_RULES = {
  count = RULES, sum = RULES,
  histogram = { where = "function", at = "text", latest = "table", first = "table", bucket = bucket },
  distinct = { where = "function", at = "text", latest = unsubtractable, first = unsubtractable, times = "integer", days = "boolean" },
}
local CHOICE_RULES = { by = "text" }

-- latest = { "order", by = "answered" }: the name of the key, and of what ranks.
local function choice(pos, label, m, o)
  local word = o.latest and "latest" or "first"
  local given = o[word]
  if not given then return end
  if o.latest and o.first then report(pos, "%s: latest and first exclude each other", label) end
  local named = {}
  for k, v in next, given do named[k] = v end
  local key = named[1]
  named[1] = nil
  if not is_text(key) then
    report(pos, '%s: %s needs the field that is the same: %s = { "order", by = "answered" }', label, word, word)
    return
  end
  m.choose, m.key = word, key
  m.rank = options(pos, format("%s: %s", label, word), named, CHOICE_RULES).by or "time"
end

local function measure_kind(kind)
  return function(what, ...)
    only_loading(kind)
    local m = { measure = kind, type = what, args = { n = select("#", ...), ... } }
    local token = setmetatable({}, { __metatable = false, __name = "cx." .. kind })
    c.remember(token, m)
    return token
  end
end

local function measure(pos, label, name, token)
  label = format('%s: measure "%s"', label, tostring(name))
  if token == unavailable then return nil end
  local raw = c.recall(token)
  if not snake(name) then
    report(pos, "%s: the name must be snake_case, at most 60 letters", label)
    return nil
  elseif name == "shift" or name == "before" then
    report(pos, "%s: the name is taken by m:%s", label, name)
    return nil
  elseif not raw or not raw.measure then
    report(pos, "%s: must be a measure as cx.count(…)", label)
    return nil
  elseif type(raw.type) ~= "string" then
    report(pos, "%s: cx.%s needs an event type first", label, raw.measure)
    return nil
  end
  local m = { name = name, kind = raw.measure, type = raw.type, times = 1, days = false }
  local args, i = raw.args, 1
  if type(args[i]) == "string" then
    m.field, i = args[i], i + 1
  elseif m.kind ~= "count" then
    report(pos, '%s: cx.%s needs a field: cx.%s("%s", "field")', label, m.kind, m.kind, m.type)
    return nil
  end
  local last = args[i]
  if type(last) == "function" then
    m.where = last
  elseif checks.table(last) and last ~= unavailable then
    local o = options(pos, label, last, MEASURE_RULES[m.kind])
    m.where, m.at, m.times, m.days, m.bucket = o.where, o.at, o.times or 1, o.days or false, o.bucket
    choice(pos, label, m, o)
    if m.times < 1 or m.times > 16 then
      report(pos, "%s: times must be between 1 and 16", label)
      m.times = 1
    end
  elseif last ~= nil then
    report(pos, "%s: after the type comes a field name, a function or a table of options", label)
  end
  if args.n > i then report(pos, "%s: too many arguments", label) end
  return m
end

-- A known format, or a company's own unit ("°C"), written as a number; a slip of the pen is neither.
local FORMATS = { "points", "%", "money", "number", "integer", "duration" }
local function kpi_format(v)
  for _, name in next, FORMATS do if v == name then return true end end
  local hint = suggest(v, FORMATS)
  return checks.text(v) and #v <= 16 and hint == "", "points, %, money, number, integer, duration or a unit" .. hint
end

local function at_least_one(v)
  return math_type(v) == "integer" and v >= 1, "an integer of at least 1"
end

local KPI_RULES = {
  title = "title", format = kpi_format,
  better = one_of("higher", "lower"), target = "number", tier = one_of("strategic", "tactical", "operational"),
  owner = "kebab", by = "table", measures = "table", formula = "function", interval = "function", min_n = at_least_one, suppress = at_least_one,
  replaces = LATER,
}

local function dimensions(pos, label, spec)
  local by, seen = {}, {}
  local n = length(spec)
  for _, k in next, sorted(spec) do
    if math_type(k) ~= "integer" or k < 1 or k > n then
      report(pos, '%s: by must be a list as { "unit", "channel" }', label)
      return by
    end
  end
  for i = 1, n do
    local name = spec[i]
    if type(name) ~= "string" then
      report(pos, "%s: by: dimension %d must be a name", label, i)
    elseif seen[name] then
      report(pos, '%s: by: "%s" is given twice', label, name)
    else
      seen[name] = true
      by[#by + 1] = name
    end
  end
  if #by > host.max_dims then report(pos, "%s: by: at most %d dimensions", label, host.max_dims) end
  return by
end

local function declare_kpi(pos, id, spec)
  local label = format('kpi "%s"', id)
  if not body_table(pos, label, spec) then return end
  if not checks.kebab(id) or #id > 100 then report(pos, '%s: the id must be lower-kebab as "visit-nps"', label) end
  local o = options(pos, label, spec, KPI_RULES)
  local k = { id = id, file = pos.file, line = pos.line, title = o.title, format = o.format, better = o.better,
    target = o.target, tier = o.tier, owner = o.owner, formula = o.formula, interval = o.interval,
    min_n = o.min_n, suppress = o.suppress, by = dimensions(pos, label, o.by or {}), measures = {} }
  for _, name in next, sorted(o.measures or {}) do
    local m = measure(pos, label, name, o.measures[name])
    if m then k.measures[#k.measures + 1] = m end
  end
  if spec.measures == nil or (o.measures and next(o.measures) == nil) then
    report(pos, "%s: needs measures", label)
  end
  if spec.formula == nil then report(pos, "%s: formula is missing", label) end
  if kpis[id] then
    report(pos, "%s: declared twice (first at %s:%d)", label, kpis[id].file, kpis[id].line)
    return
  end
  kpis[id] = k
end

------------------------------------------------------------------------------- reactions, importers
local function declare_on(pos, name, fn)
  if type(fn) ~= "function" then
    report(pos, 'on "%s": needs a function: cx.on "%s" (function(e, tx) … end)', name, name)
    return
  end
  ons[#ons + 1] = { type = name, handler = fn, file = pos.file, line = pos.line, order = #ons }
end

local IMPORT_RULES = { title = "title", tables = "table", events = "table", generate = "function",
  total = "integer" }
local TABLE_RULES = {
  file = "text", encoding = "text",
  delimiter = function(v) return type(v) == "string" and #v == 1, "one character" end,
}
local PART_RULES = { sql = "text", map = "function" }

local function import_tables(pos, label, spec)
  local out = {}
  for _, name in next, sorted(spec) do
    local v = spec[name]
    local at = format('%s: table "%s"', label, tostring(name))
    if not snake(name) then
      report(pos, "%s: the name must be snake_case", at)
    elseif checks.text(v) then
      out[#out + 1] = { name = name, file = v }
    elseif checks.table(v) then
      local o = options(pos, at, v, TABLE_RULES)
      o.name = name
      out[#out + 1] = o
      if v.file == nil then report(pos, "%s: file is missing", at) end
    else
      report(pos, "%s: must be a file name or { file = … }", at)
    end
  end
  return out
end

local function declare_import(pos, id, spec)
  local label = format('import "%s"', id)
  if not body_table(pos, label, spec) then return end
  if not checks.kebab(id) then report(pos, "%s: the id must be lower-kebab", label) end
  local o = options(pos, label, spec, IMPORT_RULES)
  local out = { id = id, file = pos.file, line = pos.line, title = o.title, generate = o.generate, total = o.total,
    tables = {}, parts = {} }
  if o.total and o.total < 1 then report(pos, "%s: total must be at least 1", label) end
  if spec.total ~= nil and spec.generate == nil then report(pos, "%s: total goes with generate", label) end
  if spec.generate ~= nil then
    if spec.tables ~= nil or spec.events ~= nil then report(pos, "%s: generate stands instead of tables and events", label) end
  elseif spec.tables == nil or spec.events == nil then
    report(pos, "%s: needs tables and events, or generate", label)
  else
    out.tables = import_tables(pos, label, o.tables or {})
    for i = 1, length(o.events or {}) do
      local part = o.events[i]
      local at = format("%s: events[%d]", label, i)
      if body_table(pos, at, part) then
        out.parts[#out.parts + 1] = options(pos, at, part, PART_RULES)
        if part.sql == nil then report(pos, "%s: sql is missing", at) end
        if part.map == nil then report(pos, "%s: map is missing", at) end
      end
    end
    if o.events and #out.parts == 0 then report(pos, "%s: events is empty", label) end
  end
  if imports[id] then
    report(pos, "%s: declared twice (first at %s:%d)", label, imports[id].file, imports[id].line)
    return
  end
  imports[id] = out
end

------------------------------------------------------------------------------------------ records
local LEVELS = { frontline = 1, manager = 2, integrator = 3, admin = 4 }
local level = one_of("frontline", "manager", "integrator", "admin")
local RECORD_RULES = {
  title = "title", fields = "table", key = "text", subject = "text", unit = "text", index = "table", read = level, write = level,
}
local NAMING = { key = { text = true, choice = true, integer = true }, unit = { text = true, choice = true },
  subject = { text = true, choice = true, integer = true } }
local OF_RECORD = { version = true, created = true, changed = true, limit = true, after = true }

local function of_record(name)
  return OF_RECORD[name] and "the name is taken: version, created, changed, limit and after are not free"
end

-- key, subject, unit: the field with that part.
local function record_part(pos, label, r, part, name)
  local f = r.fields[name]
  if not f then
    report(pos, '%s: %s: no field "%s"%s', label, part, name, suggest(name, sorted(r.fields)))
  elseif not NAMING[part][f.kind] then
    report(pos, '%s: %s: "%s" is %s; it must be %s', label, part, name, f.kind,
      part == "unit" and "text or choice" or "text, choice or integer")
  elseif f.personal and part ~= "subject" then
    report(pos, '%s: %s: "%s" is personal, and everyone who reads the record sees it', label, part, name)
  elseif f.default ~= nil and part == "key" then
    report(pos, '%s: key: "%s" has a default, which names one record only', label, name)
  else
    r[part] = name
  end
end

local function record_index(pos, label, r, spec)
  local seen, n = {}, length(spec)
  for _, k in next, sorted(spec) do
    local name = spec[k]
    if math_type(k) ~= "integer" or k < 1 or k > n then
      report(pos, '%s: index must be a list as { "used" }', label)
      return
    elseif type(name) ~= "string" or not r.fields[name] then
      report(pos, '%s: index: no field "%s"%s', label, tostring(name), suggest(name, sorted(r.fields)))
    elseif not seen[name] then
      seen[name] = true
      r.index[#r.index + 1] = name
    end
  end
  if r.unit and not seen[r.unit] then r.index[#r.index + 1] = r.unit end -- callers bound to a unit look by it
  if #r.index > 16 then report(pos, "%s: index: at most 16 fields", label) end
end

local function declare_record(pos, kind, spec)
  local label = format('record "%s"', kind)
  if not body_table(pos, label, spec) then return end
  if not checks.kebab(kind) or #kind > 60 then
    report(pos, '%s: the kind must be lower-kebab as "coupon", at most 60 letters', label)
  end
  local o = options(pos, label, spec, RECORD_RULES)
  local r = { name = kind, file = pos.file, line = pos.line, title = o.title, fields = {}, index = {},
    read = o.read or "manager", write = o.write or o.read or "manager" }
  fields(pos, label, o.fields, false, r.fields, of_record)
  r.declared = #r.fields
  if #r.fields > 250 then report(pos, "%s: at most 250 fields", label) end
  if LEVELS[r.write] < LEVELS[r.read] then
    report(pos, "%s: who may write it sees it: write may not be below read", label)
  end
  if spec.key == nil then report(pos, '%s: key is missing: the field that names a record, key = "code"', label) end
  for _, part in next, { "key", "subject", "unit" } do
    if o[part] then record_part(pos, label, r, part, o[part]) end
  end
  record_index(pos, label, r, o.index or {})
  if records[kind] then
    report(pos, "%s: declared twice (first at %s:%d)", label, records[kind].file, records[kind].line)
    return
  end
  records[kind] = r
end

------------------------------------------------------------------------------- what is not there yet
local function later(word)
  return function(what)
    report(position(), "cx.%s%s is not available in this version", word,
      type(what) == "string" and format(' "%s"', what) or "")
    return unavailable
  end
end

--------------------------------------------------------------------------------------------- the table
local cx = {
  plugin = declare_plugin,
  event = declaration("event", declare_event), kpi = declaration("kpi", declare_kpi),
  on = declaration("on", declare_on), import = declaration("import", declare_import),
  record = declaration("record", declare_record),
  count = measure_kind "count", sum = measure_kind "sum", histogram = measure_kind "histogram",
  distinct = measure_kind "distinct",
  day = host.day, blank = common.blank, stats = common.stats, null = host.null,
  script = function()
    report(position(), "cx.script is for the scripts folder, not for a plugin")
    return unavailable
  end,
}
for _, kind in next, { "integer", "decimal", "boolean", "text", "choice", "time", "duration", "money" } do
  cx[kind] = c.field_kind(kind)
end
for word, fn in next, common.calendar do cx[word] = fn end
for _, word in next, { "plan", "review" } do
  cx[word] = later(word)
end

for _, extension in next, extensions do
  for word, v in next, extension.cx do cx[word] = v end
end

cx.config = common.read_only("cx.config", values, function(_, k)
  local v = moneys[k]
  if v then return { amount = v.amount, currency = v.currency } end
  if known[k] then return nil end
  if not plugin then error("cx.config is there after cx.plugin { … }", 2) end
  error(format("cx.config.%s is not declared in cx.plugin%s", tostring(k), suggest(k, sorted(known))), 2)
end)
local cx_names = sorted(cx)
local public = common.read_only("cx", cx, function(_, k)
  local message = format("cx.%s does not exist%s", tostring(k), suggest(k, cx_names))
  if not c.loading() then error(message, 2) end
  report(position(), "%s", message)
  return unavailable
end)

local function list(t)
  local out = {}
  for i, k in next, sorted(t) do out[i] = t[k] end
  return out
end

-- Functions are handed over by number, and numbered in an order that does not depend on how the
-- plugin ran through its tables: they must come out the same when it is loaded again.
local handles, labels = {}, {}
local function handle(fn, fmt, ...)
  if fn == nil then return nil end
  handles[#handles + 1], labels[#labels + 1] = fn, format(fmt, ...)
  return #handles
end

-- Fields without their names as keys.
local function plain(fields_of)
  local out = {}
  for i = 1, #fields_of do out[i] = fields_of[i] end
  return out
end

local function number_functions(all)
  for _, e in next, all.events do
    for i = 1, #e.fields do
      local f = e.fields[i]
      f.fn = handle(f.fn, "derive %s.%s", e.name, f.name)
    end
    e.fields = plain(e.fields)
  end
  for _, r in next, all.records do r.fields = plain(r.fields) end
  for _, k in next, all.kpis do
    for i = 1, #k.measures do
      local m = k.measures[i]
      m.where = handle(m.where, "kpi %s: measure %s", k.id, m.name)
    end
    k.formula = handle(k.formula, "kpi %s: formula", k.id)
    k.interval = handle(k.interval, "kpi %s: interval", k.id)
  end
  for i = 1, #ons do
    ons[i].order = nil
    ons[i].handler = handle(ons[i].handler, "on %s", ons[i].type)
  end
  for _, im in next, all.imports do
    im.generate = handle(im.generate, "import %s", im.id)
    for i = 1, #im.parts do im.parts[i].map = handle(im.parts[i].map, "import %s", im.id) end
  end
end

local function config_text()
  local text = ""
  for _, k in next, sorted(known) do
    local v = moneys[k] and moneys[k].amount .. moneys[k].currency or values[k]
    if v ~= nil then text = format("%s%s=%s\n", text, k, tostring(v)) end
  end
  return text
end

-- All that was declared as plain data, the functions, and the mistakes.
local function finish(complete)
  if complete and not plugin then
    report({ file = format("plugins/%s/plugin.lua", host.name), line = 1 }, 'plugin: cx.plugin { name = "%s", … } is missing',
      host.name)
  end
  sort(ons, function(a, b)
    if a.type ~= b.type then return a.type < b.type end
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return a.order < b.order
  end)
  local all = { plugin = plugin, events = list(events), kpis = list(kpis), ons = ons, imports = list(imports),
    records = list(records), labels = labels, config = config_text() }
  number_functions(all)
  for _, extension in next, extensions do extension.declared(all, handle) end
  handles.compare = compare -- of runtime/compare.lua, for KPIs' intervals
  return all, handles, c.close()
end

return { cx = public }, finish
