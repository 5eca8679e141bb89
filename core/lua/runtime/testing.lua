-- testing.lua — what a plugin's test file sees: test, config, at, advance, send, refused, expect.
-- Flow:   core/lua/testing.c runs this chunk with its functions; it returns the globals, the names
--         of the tests declared so far, and the function that runs the n-th.
-- Errors: every failure is an error at the test's own line.
-- Library functions are captured here: a test may do to its own globals what it likes.
local host, _, common = ...
local type, next, error, tostring, ipairs, setmetatable = type, next, error, tostring, ipairs, setmetatable
local format, find, concat, sort, abs, max = string.format, string.find, table.concat, table.sort, math.abs, math.max
local pt, null = host.lang == "pt", host.null

local function fail(level, in_pt, in_en, ...)
  error(format(pt and in_pt or in_en, ...), level + 1)
end

local tests, names = {}, {}
local now, moved, settings, fresh -- of the test that runs; now = nil: none

---------------------------------------------------------------------------------------- comparing
local function show(v, depth)
  if v == null then return "cx.null" end
  if type(v) == "string" then return format("%q", #v > 200 and v:sub(1, 200) .. "…" or v) end
  if type(v) ~= "table" then return tostring(v) end
  if depth > 3 then return "{…}" end
  local out, keys = {}, {}
  for k in next, v do
    if type(k) ~= "number" then keys[#keys + 1] = k end
  end
  sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, #v do
    if i > 8 then
      out[#out + 1] = "…"
      break
    end
    out[i] = show(v[i], depth + 1)
  end
  for i, k in ipairs(keys) do
    if i > 12 then
      out[#out + 1] = "…"
      break
    end
    out[#out + 1] = tostring(k) .. " = " .. show(v[k], depth + 1)
  end
  return #out == 0 and "{}" or "{ " .. concat(out, ", ") .. " }"
end

local function same(a, b, depth)
  if type(a) == "number" and type(b) == "number" then
    return a == b or abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))
  end
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or depth > 30 then return false end
  for k, v in next, a do
    if not same(v, b[k], depth + 1) then return false end
  end
  for k in next, b do
    if a[k] == nil then return false end
  end
  return true
end

local function expect(...)
  local got = ...
  local checks = {}
  function checks.is(wanted)
    if not same(got, wanted, 1) then
      fail(2, "veio %s, esperava %s", "got %s, wanted %s", show(got, 1), show(wanted, 1))
    end
  end
  function checks.isnt(other)
    if same(got, other, 1) then
      fail(2, "veio %s, que não devia ser", "got %s, which it should not be", show(got, 1))
    end
  end
  function checks.is_nil()
    if got ~= nil then fail(2, "veio %s, esperava nil", "got %s, wanted nil", show(got, 1)) end
  end
  function checks.has(part)
    local has = false
    if type(got) == "string" then
      has = find(got, tostring(part), 1, true) ~= nil
    elseif type(got) == "table" then
      for _, v in ipairs(got) do has = has or same(v, part, 1) end
    end
    if not has then
      fail(2, "veio %s, esperava que tivesse %s", "got %s, wanted it to have %s", show(got, 1),
        show(part, 1))
    end
  end
  return setmetatable(checks, { __index = function(_, name)
    fail(2, "expect não tem %s: há is, isnt, is_nil, has", "expect has no %s: there are is, isnt, is_nil, has",
      tostring(name))
  end })
end

------------------------------------------------------------------------------------- the test's run
local function inside(name)
  if not now then
    fail(3, "%s: só dentro de test(…)", "%s: only inside test(…)", name)
  end
end

local function need_table(name, v)
  if type(v) ~= "table" then
    fail(3, "%s: uma tabela, não %s", "%s: a table, not %s", name, type(v))
  end
end

-- The engine starts empty at the first thing that needs it.
local function start()
  moved = true
  if fresh then
    fresh = false
    host.reset(now, settings)
  end
end

-- The clock moves, and what is due on the way fires; gives back what failed, as a receipt does.
local function pass(t)
  local from = now
  now, moved = t, true
  return fresh and {} or host.pass(from, t)
end

local function config(values)
  inside "config"
  need_table("config", values)
  if not fresh then
    fail(2, "config vem antes do primeiro send", "config comes before the first send")
  end
  for k, v in next, values do settings[k] = v end
end

local function at(text)
  inside "at"
  local t = type(text) == "string" and host.instant(text)
  if not t then
    fail(2, "at: não é um instante: %s (exemplo: 2026-03-02 10:00)",
      "at: not a time: %s (example: 2026-03-02 10:00)", show(text, 1))
  end
  if moved and t < now then
    fail(2, "at %q: o relógio não volta; agora são %s", "at %q: the clock never goes back; it is %s", text,
      host.show(now))
  end
  return pass(t)
end

local function advance(text)
  inside "advance"
  local t = type(text) == "string" and host.later(now, text)
  if not t then
    fail(2, "advance: não é uma duração: %s (exemplos: 90min, 2d, 1mo)",
      "advance: not a duration: %s (examples: 90min, 2d, 1mo)", show(text, 1))
  end
  if t < now then fail(2, "advance: o relógio não volta", "advance: the clock never goes back") end
  start()
  return pass(t)
end

local function problem_text(p)
  local out = { tostring(p.code or p.status or "?") }
  if p.field then out[1] = out[1] .. " (" .. tostring(p.field) .. ")" end
  out[1] = out[1] .. ": " .. tostring(p.detail or p.title or "")
  for i, e in ipairs(p.errors or {}) do
    if i > 1 then
      out[#out + 1] = format("%s (%s): %s", tostring(e.code), tostring(e.field or ""), tostring(e.detail or ""))
    end
  end
  return concat(out, "; ")
end

local function send(event)
  inside "send"
  need_table("send", event)
  start()
  local status, reply = host.send(now, event)
  if status >= 300 then
    fail(2, "send: recusado com %d, %s", "send: refused with %d, %s", status, problem_text(reply))
  end
  return reply
end

local function refused(event)
  inside "refused"
  need_table("refused", event)
  start()
  local status, reply = host.send(now, event)
  if status < 300 then fail(2, "refused: o evento foi aceito", "refused: the event was accepted") end
  if reply.status == nil then reply.status = status end
  return reply
end

local later = {}
for _, name in ipairs { "outbox", "inbox", "plans", "emit",
  "propose", "notify", "webhook", "mail", "after", "friction", "random", "log" } do
  later[name] = true
end

-- tx:record(kind): what a reaction can do, at the test's clock, each call a job of its own.
local function record(_, kind)
  inside "tx:record"
  start()
  if type(kind) ~= "string" or not host.has_record(kind) then
    fail(2, "tx:record: nenhum plugin declara %s", "tx:record: no plugin declares %s", show(kind, 1))
  end
  local out = {}
  for _, op in ipairs { "get", "put", "delete", "find" } do
    out[op] = function(_, what)
      inside("tx:record")
      return host.record(now, kind, op, what)
    end
  end
  return out
end

-- tx:journey(id, key): an instance as the API shows it, or nil; tx:frictions(id): those of a journey.
local function journey(_, id, key)
  inside "tx:journey"
  start()
  return host.journey(id, key)
end

local function frictions(_, id)
  inside "tx:frictions"
  start()
  return host.frictions(id)
end

-- tx:sop(id, key): the run as the API shows it, with methods; files of evidence are taken as they are.
local RUN = {}
for _, op in ipairs { "begin", "answer", "finish", "abandon" } do
  RUN[op] = function(run, ...)
    inside("tx:sop")
    return host.sop(now, op, run, ...)
  end
end

local function sop(_, id, key)
  inside "tx:sop"
  start()
  local run = host.sop(now, "get", id, key)
  return run and setmetatable(run, { __index = RUN, __metatable = false })
end

local tx = setmetatable({}, { __index = function(_, name)
  if name == "now" then return now end
  if name == "past" then return false end
  if name == "kpi" then
    return function(_, id, query)
      inside "tx:kpi"
      start()
      return host.kpi(now, id, query)
    end
  end
  if name == "record" then return record end
  if name == "journey" then return journey end
  if name == "frictions" then return frictions end
  if name == "sop" then return sop end
  if later[name] then
    fail(2, "tx:%s não está disponível nesta versão", "tx:%s is not available in this version", name)
  end
  fail(2, 'tx não tem "%s"', 'tx has no "%s"', tostring(name))
end, __newindex = function()
  fail(2, "tx é só para leitura", "tx is read-only")
end })

local function test(name, run)
  if now then fail(2, "test dentro de test", "test inside test") end
  if type(name) ~= "string" or type(run) ~= "function" then
    fail(2, 'test: um nome e uma função: test("nome", function(tx) … end)',
      'test: a name and a function: test("name", function(tx) … end)')
  end
  names[#names + 1] = name
  tests[#tests + 1] = run
end

local function run(n)
  now, moved, settings, fresh = host.start, false, {}, true
  tests[n](tx)
  now = nil
end

local function stop() now = nil end

return { test = test, config = config, at = at, advance = advance, send = send, refused = refused,
  expect = expect, cx = common.outside({}, "um teste", "a test") }, names, run, stop
