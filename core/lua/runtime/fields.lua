-- fields.lua — what every declaration is made of: where it stands, how mistakes are told, checks of
-- option tables, and the field kinds.
-- Flow:   runs after common.lua; declare.lua builds cx on what it returns.
-- Errors: collected in c.mistakes while loading (see declare.lua).
local host, _, common = ...
local type, next, error, select, tostring = type, next, error, select, tostring
local setmetatable, math_type, utf8_len, sort = setmetatable, math.type, utf8.len, table.sort
local format, match, find, concat = string.format, string.match, string.find, table.concat

local loading, mistakes = true, {}
local open = {} -- cx.event "x" still without its table: position → what
local made = {} -- token → field or measure, while loading

------------------------------------------------------------------------------- mistakes and checks
local function position()
  local file, line = host.where()
  return { file = file, line = line }
end

local function report(pos, fmt, ...)
  local message = format(fmt, ...)
  if not loading then error(message, 3) end
  mistakes[#mistakes + 1] = { file = pos.file, line = pos.line, message = message }
end

local function only_loading(name)
  if not loading then error(format("cx.%s declares, so it is for plugin.lua itself, not for a function that runs later", name), 3) end
end

-- A plugin's table is read raw: its metatable, if any, is not asked.
local function sorted(t)
  local keys = {}
  for k in next, t do keys[#keys + 1] = k end
  sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) .. tostring(a) < type(b) .. tostring(b)
  end)
  return keys
end

local LIST = { __name = "cx.list", __metatable = false } -- empty, it is [] and not {}

local function as_list(t) return setmetatable(t or {}, LIST) end

local function length(t)
  local n = 0
  while t[n + 1] ~= nil do n = n + 1 end
  return n
end

local function suggest(word, names)
  local best = type(word) == "string" and host.closest(word, names)
  return best and format(', did you mean "%s"?', best) or ""
end

local function is_text(v)
  return type(v) == "string" and utf8_len(v) ~= nil and not find(v, "\0", 1, true)
end

local checks = {
  boolean = function(v) return type(v) == "boolean", "true or false" end,
  ["function"] = function(v) return type(v) == "function", "a function" end,
  number = function(v) return type(v) == "number" and v == v and v - v == 0, "a number" end,
  integer = function(v) return math_type(v) == "integer", "an integer" end,
  text = function(v) return is_text(v) and v ~= "", "a text" end,
  table = function(v) return type(v) == "table" and not made[v], "a table" end,
  any = function() return true end,
  title = function(v)
    if is_text(v) then return v ~= "", "a text" end
    if type(v) ~= "table" or made[v] or next(v) == nil then return false, 'a text or { ["pt-BR"] = …, en = … }' end
    for k, text in next, v do
      if not (type(k) == "string" and match(k, "^%a%a%-?%w*$") and is_text(text)) then
        return false, 'a text or { ["pt-BR"] = …, en = … }'
      end
    end
    return true
  end,
  currency = function(v) return type(v) == "string" and match(v, "^%u%u%u$") ~= nil, format("an ISO 4217 code as %s", host.currency) end,
  deadline = function(v)
    return host.is_deadline(v), "a duration as 90min, 2h, 3d, 1mo, 3bd or 8bh"
  end,
  kebab = function(v)
    return type(v) == "string" and match(v, "^%l[%l%d]*[%l%d%-]*$") ~= nil and not find(v, "--", 1, true)
      and not find(v, "-$"), "lower-kebab"
  end,
}

local function one_of(...)
  local list = { ... }
  return function(v)
    for _, item in next, list do if v == item then return true end end
    local text = '"' .. list[1] .. '"'
    for i = 2, #list do text = text .. (i == #list and ' or "' or ', "') .. list[i] .. '"' end
    return false, text .. suggest(v, list)
  end
end

-- Copy of spec with what its rules allow; each wrong option is reported and left out.
local LATER = "later"
local function options(pos, label, spec, rules)
  local out, names = {}, {}
  for name in next, rules do names[#names + 1] = name end
  sort(names)
  for _, k in next, sorted(spec) do
    local rule, v = rules[k], spec[k]
    if rule == nil then
      if type(k) == "string" then
        report(pos, '%s: unknown option "%s"%s', label, k, suggest(k, names))
      else
        report(pos, "%s: a value without a name at [%s]", label, tostring(k))
      end
    elseif rule == LATER then
      report(pos, '%s: option "%s" is not available in this version', label, k)
    else
      local ok, want = (checks[rule] or rule)(v)
      if ok then
        out[k] = v
      else
        report(pos, "%s: %s must be %s", label, k, want)
      end
    end
  end
  return out
end

local function snake(name)
  return type(name) == "string" and #name <= 60 and match(name, "^%l[%l%d_]*$") ~= nil
end

-- A declaration `cx.word "id" { … }`: the body gets (pos, id, spec).
local function declaration(word, body)
  return function(id, ...)
    only_loading(word)
    local pos = position()
    if type(id) ~= "string" then
      report(pos, 'cx.%s needs its name first: cx.%s "name" { … }', word, word)
      return function() end
    end
    open[pos] = format('%s "%s"', word, id)
    local function finish(spec)
      if not open[pos] then
        report(pos, '%s "%s": given twice', word, id)
        return
      end
      open[pos] = nil
      return body(pos, id, spec)
    end
    if select("#", ...) > 0 then return finish((...)) end
    return finish
  end
end

local function body_table(pos, label, spec)
  if checks.table(spec) then return spec end
  report(pos, "%s: needs a table { … }", label)
end

------------------------------------------------------------------------------------------- fields
local KIND_RULES = {
  required = "boolean", default = "any", min = "any", max = "any", title = "title", personal = "boolean",
}
local ORDERED = { integer = true, decimal = true, text = true, time = true, duration = true, money = true }

-- What a kind constructor was given; checked when the name of the field is known.
local function field_kind(kind)
  return function(arg, extra)
    if kind == "money" and type(arg) == "string" then return common.money(arg, extra) end
    only_loading(kind)
    local f = { kind = kind, spec = {} }
    if type(arg) == "function" then
      f.fn = arg
      arg = extra
    end
    if checks.table(arg) then
      for k, v in next, arg do f.spec[k] = v end
      if type(f.spec[1]) == "function" then f.fn, f.spec[1] = f.spec[1], nil end
    elseif arg ~= nil then
      f.wrong = true
    end
    local token = setmetatable({}, { __metatable = false, __name = "cx." .. kind })
    made[token] = f
    return token
  end
end

local function take_choices(pos, label, spec)
  local list, seen = {}, {}
  for i = 1, length(spec) do
    local v = spec[i]
    spec[i] = nil
    if not is_text(v) or v == "" then
      report(pos, "%s: choice %d must be a text", label, i)
    elseif seen[v] then
      report(pos, '%s: choice "%s" is given twice', label, v)
    else
      seen[v] = true
      list[#list + 1] = v
    end
  end
  return list
end

-- min, max and default in the unit of the kind: the integer, or nil after a report.
local function amount(pos, label, what, f, v, written)
  if f.kind == "text" then
    if math_type(v) == "integer" and v >= 0 then return v end
    report(pos, "%s: %s must be a number of characters", label, what)
    return nil
  end
  local n, why = host.amount(f.kind, v, f.scale, f.currency or host.currency, written)
  if not n then report(pos, "%s: %s %s", label, what, why) end
  return n
end

local function in_range(f, n)
  return not (f.min and n < f.min) and not (f.max and n > f.max)
end

local function range_text(f)
  if f.kind ~= "integer" then return "is not between min and max" end
  if not f.max then return format("must be at least %d", f.min) end
  if not f.min then return format("must be at most %d", f.max) end
  return format("must be between %d and %d", f.min, f.max)
end

-- A default (or a config value, written = text of the conf file) as the field keeps it.
local function value_of(pos, label, what, f, v, written)
  local kind = f.kind
  if kind == "boolean" then
    if written then
      local words = { yes = true, ["true"] = true, no = false, ["false"] = false }
      v = words[v]
    end
    if type(v) == "boolean" then return v end
    report(pos, "%s: %s must be %s", label, what, written and "yes or no" or "true or false")
  elseif kind == "choice" then
    for i = 1, #f.choices do if f.choices[i] == v then return v end end
    local hint = suggest(v, f.choices)
    report(pos, "%s: %s is none of its choices%s", label, what, hint ~= "" and hint or ": " .. concat(f.choices, ", "))
  elseif kind == "text" then
    if not is_text(v) then
      report(pos, "%s: %s must be a text", label, what)
    elseif not in_range(f, utf8_len(v)) then
      report(pos, "%s: %s is too short or too long", label, what)
    else
      return v
    end
  else
    local n = amount(pos, label, what, f, v, written)
    if n and in_range(f, n) then return n end
    if n then report(pos, "%s: %s %s", label, what, range_text(f)) end
  end
  return nil
end

local function attribute(name)
  return host.is_attribute(name) and "a field may not be called like an attribute of the event"
end

-- The field behind a token, checked; nil when something is so wrong that there is none. taken(name)
-- says why a name is not free.
local function field(pos, label, name, token, derived, taken)
  label = format('%s: %s "%s"', label, derived and "derived field" or "field", tostring(name))
  local raw = made[token]
  if not snake(name) then
    report(pos, "%s: the name must be snake_case, at most 60 letters", label)
    return nil
  elseif taken(name) then
    report(pos, "%s: %s", label, taken(name))
    return nil
  elseif not raw or not raw.kind then
    report(pos, "%s: must be a kind as cx.integer { … }", label)
    return nil
  elseif raw.wrong then
    report(pos, "%s: cx.%s needs a table of options%s", label, raw.kind, derived and " or a function" or "")
    return nil
  end
  local rules = {}
  for k, v in next, KIND_RULES do rules[k] = v end
  if raw.kind == "decimal" then rules.scale = "integer" end
  if raw.kind == "money" then rules.currency = "currency" end
  local spec, choices = {}, nil
  for k, v in next, raw.spec do spec[k] = v end
  if raw.kind == "choice" then choices = take_choices(pos, label, spec) end
  local o = options(pos, label, spec, rules)
  local f = { name = name, kind = raw.kind, derived = derived, fn = raw.fn, required = o.required or false,
    personal = o.personal or false, title = o.title, currency = o.currency, choices = choices }
  if raw.kind == "decimal" then
    f.scale = o.scale or 2
    if f.scale < 0 or f.scale > 9 then
      report(pos, "%s: scale must be between 0 and 9", label)
      f.scale = 2
    end
  end
  if derived then
    if not raw.fn then report(pos, "%s: needs a function: cx.%s(function(e) … end)", label, raw.kind) end
    for _, k in next, { "default", "max", "min", "required" } do
      if o[k] ~= nil then report(pos, "%s: %s has no meaning where a function makes the value", label, k) end
    end
    return f
  end
  if raw.fn then report(pos, "%s: a function belongs into derive", label) end
  if choices and #choices == 0 then report(pos, "%s: a choice needs its choices", label) end
  for _, k in next, { "min", "max" } do
    if o[k] ~= nil and not ORDERED[f.kind] then
      report(pos, "%s: %s has no meaning for %s", label, k, f.kind)
    elseif o[k] ~= nil then
      f[k] = amount(pos, label, k, f, o[k])
    end
  end
  if f.min and f.max and f.min > f.max then
    report(pos, "%s: min is greater than max", label)
    f.min, f.max = nil, nil
  end
  if o.default ~= nil then f.default = value_of(pos, label, "default", f, o.default) end
  return f
end

local function fields(pos, label, spec, derived, out, taken)
  for _, name in next, sorted(spec or {}) do
    local f = field(pos, label, name, spec[name], derived, taken or attribute)
    if f and out[name] then
      report(pos, '%s: field "%s" is declared and derived', label, name)
    elseif f then
      out[name] = f
      out[#out + 1] = f
    end
  end
end

-- No declaration from here on; says what was begun and not finished.
local function close()
  for pos, what in next, open do
    report(pos, "%s: nothing follows it, write cx.%s { … }", what, what)
  end
  loading, made = false, {}
  return mistakes
end

return {
  position = position, report = report, only_loading = only_loading, sorted = sorted, length = length,
  list = as_list, suggest = suggest, checks = checks, one_of = one_of, options = options, later = LATER, snake = snake,
  declaration = declaration, body_table = body_table, field_kind = field_kind, value_of = value_of,
  fields = fields, close = close,
  remember = function(token, what) made[token] = what end,
  recall = function(token) return made[token] end,
  loading = function() return loading end,
}
