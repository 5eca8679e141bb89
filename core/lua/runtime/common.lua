-- common.lua — what of `cx` computes and declares nothing: the same in plugins, scripts and tests.
-- Flow:   runs after stats.lua; declare.lua, report.lua and testing.lua build their `cx` on it.
-- Errors: raised at the caller's line.
local host, stats = ...
local type, next, error, tostring, setmetatable = type, next, error, tostring, setmetatable
local format, match, byte, sort, concat = string.format, string.match, string.byte, table.sort, table.concat
local ulen, codes = utf8.len, utf8.codes

-- A view of t that nobody can write to; missing(t, key) answers for keys that are not there.
local function read_only(what, t, missing)
  setmetatable(t, { __index = missing })
  return setmetatable({}, {
    __index = t, __metatable = false, __name = what,
    __newindex = function(_, k) error(format("%s is read-only (%s)", what, tostring(k)), 2) end,
    __pairs = function()
      local copy = {}
      for k, v in next, t do copy[k] = v end
      return next, copy, nil
    end,
  })
end

-- White_Space of the Unicode Character Database (PropList.txt).
local SPACE = { [0x20] = true, [0x85] = true, [0xa0] = true, [0x1680] = true, [0x2028] = true, [0x2029] = true,
  [0x202f] = true, [0x205f] = true, [0x3000] = true }
for c = 0x09, 0x0d do SPACE[c] = true end
for c = 0x2000, 0x200a do SPACE[c] = true end

-- nil, empty, or nothing but white space
local function blank(text)
  if text == nil then return true end
  if type(text) ~= "string" then error("cx.blank needs a text, got " .. type(text), 2) end
  local at = match(text, "^%s*()")
  if at > #text then return true end
  if byte(text, at) < 0x80 or not ulen(text) then return false end
  for _, c in codes(text) do
    if not SPACE[c] then return false end
  end
  return true
end

local function money(text, currency)
  return host.money(text, currency == nil and host.currency or currency)
end

-- What asks the calendar: cx.due and its like.
local calendar = { due = host.due, holiday = host.holiday, business_day = host.business_day, open_between = host.open_between }

local names = {}
for name in next, stats do names[#names + 1] = name end
sort(names)
local shown = read_only("cx.stats", stats, function(_, k)
  local best = type(k) == "string" and host.closest(k, names)
  error(format("cx.stats.%s does not exist%s", tostring(k), best and format(', did you mean "%s"?', best) or ""), 2)
end)

-- The `cx` of a script or a test: these and more.
local function outside(more, who_pt, who_en)
  local cx = { stats = shown, day = host.day, blank = blank, money = money, null = host.null }
  for k, v in next, calendar do cx[k] = v end
  for k, v in next, more do cx[k] = v end
  local words = {}
  for k in next, cx do words[#words + 1] = "cx." .. k end
  sort(words)
  local list = concat(words, ", ")
  return read_only("cx", cx, function(_, k)
    error(format(host.lang == "pt" and "cx.%s não está disponível nesta versão: %s tem %s"
      or "cx.%s is not available in this version: %s has %s", tostring(k), host.lang == "pt" and who_pt or who_en, list), 2)
  end)
end

return { read_only = read_only, blank = blank, money = money, stats = shown, calendar = calendar, outside = outside }
