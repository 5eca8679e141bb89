-- version.lua — versions and what is asked of them: satisfies("1.4.0", ">= 1.0 <2").
-- Flow:   for declare.lua (can a constraint be read?) and resolve.lua (does a version satisfy it?).
-- A constraint is ">= 1.0", "^1", "~1.2", "1.2", several of them, or "*". A pre-release or build
-- part counts for nothing.
local match, gmatch, tonumber = string.match, string.gmatch, tonumber

local function read(text)
  local numbers, tail = match(text, "^([%d.]+)(.*)$")
  if not numbers or not match(tail, "^[-+]") and tail ~= "" then return nil end
  local v, n = { 0, 0, 0 }, 0
  for part in gmatch(numbers .. ".", "([^.]*)%.") do
    if part == "" or n == 3 then return nil end
    n = n + 1
    v[n] = tonumber(part)
  end
  return v, n
end

-- -1, 0 or 1 by the first n numbers.
local function compare(a, b, n)
  for i = 1, n do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return 0
end

local function holds(v, op, want, n)
  local c = compare(v, want, 3)
  if op == ">=" then return c >= 0 end
  if op == "<=" then return c <= 0 end
  if op == ">" then return c > 0 end
  if op == "<" then return c < 0 end
  if op == "~" then return c >= 0 and compare(v, want, n > 2 and 2 or 1) == 0 end
  if op == "^" then -- the first number that is not 0 stays
    local k = 1
    while k < n and want[k] == 0 do k = k + 1 end
    return c >= 0 and compare(v, want, k) == 0
  end
  return compare(v, want, n) == 0
end

-- nil: the constraint cannot be read. Without a version: whether it can.
return function(version, constraint)
  local v = version and read(version)
  local all, any, at = version == nil or v ~= nil, false, 1
  while true do
    local from = match(constraint, "^[ ,]*()", at)
    if from > #constraint then
      if any then return all end
      return nil
    end
    local op, text, after = match(constraint, "^([<>=^~]*) *([^ ,]*)()", from)
    any, at = true, after
    if match(constraint, "^%*", from) then
      at = from + 1
    else
      local want, n = read(text)
      if not want or not (#op < 2 or op == ">=" or op == "<=") then return nil end
      if v and not holds(v, op, want, n) then all = false end
    end
  end
end
