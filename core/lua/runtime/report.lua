-- report.lua — what a review script sees: cx.script and `r`, whose parts become blocks of a report.
-- Flow:   core/lua/script.c runs this chunk with its functions; it returns the
--         globals and the functions that check and run a script. Blocks go to the host one by one, so that what was made before a
--         script is stopped is kept.
-- Errors: a part that fails becomes an error block in its place; r:kpi raises in the script.
-- Library functions are captured here: a script may do to its own globals what it likes.
local host, _, common, _, replies = ...
local type, next, error, tostring, pcall, ipairs = type, next, error, tostring, pcall, ipairs
local setmetatable, math_type = setmetatable, math.type
local format, rep, sub, match, concat, sort = string.format, string.rep, string.sub, string.match,
  table.concat, table.sort
local ulen, char_at = utf8.len, utf8.offset
local json, null = host.json, host.null
local pt = host.lang == "pt"

local function t(in_pt, in_en) return pt and in_pt or in_en end

--------------------------------------------------------------------------------------------- text
local WIDEST <const> = 48

local function width(s) return ulen(s) or #s end

local function cut(s)
  s = s:gsub("%s+", " ")
  if width(s) <= WIDEST then return s end
  return sub(s, 1, (char_at(s, WIDEST) or #s) - 1) .. "…"
end

local function cell_text(v)
  if v == nil or v == null then return "—" end
  if type(v) == "boolean" then return v and t("sim", "yes") or t("não", "no") end
  if math_type(v) then return host.text(v, "number") end
  return tostring(v)
end

-- Columns of figures stand to the right.
local function numeric(v)
  if type(v) ~= "string" then return type(v) == "number" end
  v = v:gsub("R%$", "")
  return match(v, "%d") ~= nil and not match(v, "%a")
end

local function table_text(columns, rows)
  local n, texts, widths, right = #columns, {}, {}, {}
  for i = 1, n do widths[i], right[i] = width(columns[i]), #rows > 0 end
  for k, row in ipairs(rows) do
    texts[k] = {}
    for i = 1, n do
      local s = cut(cell_text(row[i]))
      texts[k][i] = s
      if width(s) > widths[i] then widths[i] = width(s) end
      if row[i] ~= nil and row[i] ~= null and not numeric(row[i]) and s ~= "—" then right[i] = false end
    end
  end
  local function line(cells)
    local out = {}
    for i = 1, n do
      local fill = rep(" ", widths[i] - width(cells[i]))
      out[i] = right[i] and fill .. cells[i] or cells[i] .. fill
    end
    return (concat(out, "  "):gsub("%s+$", ""))
  end
  local rule, lines = {}, {}
  for i = 1, n do rule[i] = rep("─", widths[i]) end
  lines[1], lines[2] = line(columns), concat(rule, "  ")
  for k = 1, #rows do lines[k + 2] = line(texts[k]) end
  return concat(lines, "\n") .. "\n"
end

-- Paragraphs broken at 96 characters.
local function wrapped(s)
  local out = {}
  for paragraph in (s .. "\n"):gmatch("(.-)\n") do
    local line, at = {}, 0
    for word in paragraph:gmatch("[^ ]+") do
      local w = width(word)
      if at > 0 and at + 1 + w > 96 then
        out[#out + 1] = concat(line, " ")
        line, at = {}, 0
      end
      line[#line + 1] = word
      at = at + w + (at > 0 and 1 or 0)
    end
    out[#out + 1] = concat(line, " ")
  end
  return concat(out, "\n") .. "\n"
end

--------------------------------------------------------------------------------------------- json
local function json_list(list, n)
  local out = {}
  for i = 1, n or #list do
    local v = list[i]
    out[i] = v == nil and "null" or json(v)
  end
  return "[" .. concat(out, ",") .. "]"
end

local function add_table(columns, rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = json_list(row, #columns) end
  host.block('{"kind":"table","columns":' .. json_list(columns) .. ',"rows":[' .. concat(out, ",")
    .. "]}", table_text(columns, rows))
end

---------------------------------------------------------------------------------------------- kpi
local asked, query_kpi, with_nulls = replies.asked, replies.ask, replies.with_nulls

local function figure(v)
  return v.text or v.note_text or cell_text(v.value)
end

local function interval(v)
  if not v.low_text then return nil end
  return v.low_text .. t(" a ", " to ") .. v.high_text
end

local function day_of(time) return time and host.day_text(time) or "…" end

-- Groups, else the series, else the one figure, as columns and rows.
local function kpi_rows(reply)
  local columns, rows, any = {}, {}, false
  local names = reply.groups and asked[reply].by or {}
  local list = reply.groups or reply.series or { reply }
  for i = 1, #names do columns[i] = names[i] end
  if not reply.groups and reply.series then columns[1] = t("de", "from") end
  local n = #columns
  columns[n + 1] = reply.title or reply.id
  for i, v in ipairs(list) do
    local row = {}
    for k = 1, #names do
      local value = v.by[names[k]]
      row[k] = value == nil and null or value
    end
    if n > #names then row[1] = day_of(v.from) end
    row[n + 1] = figure(v)
    row[n + 2] = interval(v) or ""
    any = any or row[n + 2] ~= ""
    rows[i] = row
  end
  if any then columns[n + 2] = t("intervalo 95 %", "95 % interval") end
  local notes = false
  for i, v in ipairs(list) do
    local note = v.text and v.note_text or ""
    rows[i][#columns + 1] = note
    notes = notes or note ~= ""
  end
  if notes then columns[#columns + 1] = t("nota", "note") end
  return columns, rows
end

local function kpis_text(items)
  local rows, any = {}, false
  for i, v in ipairs(items) do
    rows[i] = { v.title or v.id, figure(v), interval(v) or "" }
    any = any or rows[i][3] ~= ""
  end
  local columns = { t("Indicador", "KPI"), t("Valor", "Value") }
  if any then columns[3] = t("Intervalo 95 %", "95 % interval") end
  local out = table_text(columns, rows)
  for _, v in ipairs(items) do
    if v.groups then out = out .. "\n" .. table_text(kpi_rows(v)) end
  end
  return out
end

-------------------------------------------------------------------------------------------- tables
local function listed(rows)
  local columns, seen = {}, {}
  if type(rows[1]) ~= "table" then
    for i = 1, #rows do columns[i] = { rows[i] } end
    return { "" }, columns
  end
  if #rows[1] > 0 then
    for i = 1, #rows[1] do columns[i] = tostring(i) end
    return columns, rows
  end
  for _, row in ipairs(rows) do
    for name in next, row do
      if not seen[name] then
        seen[name] = true
        columns[#columns + 1] = tostring(name)
      end
    end
  end
  sort(columns)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = {}
    for k = 1, #columns do
      local v = row[columns[k]]
      out[i][k] = v == nil and null or v
    end
  end
  return columns, out
end

local function any_table(what)
  if type(what) ~= "table" then
    error(format(t("r:table: uma tabela, não %s", "r:table: a table, not %s"), type(what)), 0)
  elseif asked[what] then
    add_table(kpi_rows(what))
  elseif what.columns or what.rows then
    local columns = {}
    for i, name in ipairs(what.columns or {}) do columns[i] = tostring(name) end
    for i, row in ipairs(what.rows or {}) do
      if type(row) ~= "table" then
        error(format(t("r:table: a linha %d não é uma tabela", "r:table: row %d is no table"), i), 0)
      end
    end
    if #columns == 0 then columns = (listed(what.rows or {})) end
    add_table(columns, what.rows or {})
  else
    add_table(listed(what))
  end
end

------------------------------------------------------------------------------------------------- r
local used = false
local later = { sql = 1, propose = 1, plans = 1, verdict = 1, overdue = 1, record = 1 }

-- Runs one part; its failure is a block in its place.
local function part(f)
  used = true
  local ok, message = pcall(f)
  if not ok then host.failed(tostring(message)) end
end

local methods = {}

function methods:section(title)
  used = true
  host.section(tostring(title))
  return self
end

function methods:text(s)
  part(function()
    if type(s) ~= "string" and type(s) ~= "number" then
      error(format(t("r:text: um texto, não %s", "r:text: a text, not %s"), type(s)), 0)
    end
    s = tostring(s)
    host.block('{"kind":"text","text":' .. json(s) .. "}", wrapped(s))
  end)
  return self
end

function methods:table(what)
  part(function() any_table(what) end)
  return self
end

function methods.kpi(_, id, query)
  return query_kpi(id, query)
end

function methods:kpis(list)
  if type(list) ~= "table" then
    error(t('r:kpis: uma lista, como { "nps", last = "6mo" }',
      'r:kpis: a list such as { "nps", last = "6mo" }'), 2)
  end
  local query, items, encoded, failures = {}, {}, {}, {}
  used = true
  for name, v in next, list do
    if type(name) == "string" then query[name] = v end
  end
  for _, id in ipairs(list) do
    local ok, reply = pcall(query_kpi, id, query)
    if ok then
      items[#items + 1] = reply
      encoded[#encoded + 1] = json(with_nulls(reply))
    else
      failures[#failures + 1] = format('kpi "%s": %s', tostring(id), tostring(reply))
    end
  end
  if #items > 0 then
    host.block('{"kind":"kpis","items":[' .. concat(encoded, ",") .. "]}", kpis_text(items))
  end
  for _, message in ipairs(failures) do host.failed(message) end
  return self
end

-- A control chart (kpi:control()): its points, limits and signals.
local function chart_text(chart)
  local rows = {}
  for i, p in ipairs(chart.points) do
    rows[i] = { day_of(p.from), figure(p), p.cut and t("período incompleto", "incomplete period") or p.signal_text or "" }
  end
  local out = table_text({ t("de", "from"), chart.title or chart.id, t("sinal", "signal") }, rows)
  if chart.center_text then
    out = out .. format(t("\ncentro %s, limites %s a %s\n", "\ncenter %s, limits %s to %s\n"), chart.center_text,
      chart.lower_text, chart.upper_text)
  end
  return chart.note_text and out .. chart.note_text .. "\n" or out
end

function methods:chart(chart)
  part(function()
    if type(chart) ~= "table" or type(chart.points) ~= "table" then
      error(t("r:chart: dê o que kpi:control() devolve", "r:chart: takes what kpi:control() returns"), 0)
    end
    host.block('{"kind":"chart","chart":' .. json(chart) .. "}", chart_text(chart))
  end)
  return self
end

-- Numbers and dates as people read them (number.h).
function methods.number(_, v, as, decimals)
  if type(v) == "table" then return host.text(v.amount, "money", nil, v.currency) end
  return host.text(v, as, nil, as == "money" and host.currency or nil, decimals)
end
function methods.date(_, time) return host.day_text(time) end
function methods.period(_, from, to) return host.period_text(from, to) end

function methods.day(_, time)
  return host.day(time or host.as_of)
end

local r = setmetatable({}, { __index = function(_, name)
  if methods[name] then return methods[name] end
  if name == "as_of" then return host.as_of end
  if name == "company" then return host.company end
  if later[name] then
    error(format(t("r:%s não está disponível nesta versão", "r:%s is not available in this version"),
      tostring(name)), 2)
  end
  error(format(t('r não tem "%s"', 'r has no "%s"'), tostring(name)), 2)
end, __newindex = function() error(t("r é só para leitura", "r is read-only"), 2) end })

------------------------------------------------------------------------------------------------ cx
local scripts = {}

local function title_text(title)
  if type(title) == "table" then title = title[pt and "pt-BR" or "en"] or title["pt-BR"] or title.en end
  return type(title) == "string" and title or nil
end

local function declare_script(spec)
  if type(spec) ~= "table" then error(t("cx.script quer uma tabela", "cx.script takes a table"), 2) end
  for name in next, spec do
    if name ~= "title" and name ~= "audience" and name ~= "run" then
      error(format(t('cx.script: não conheço "%s"', 'cx.script: unknown key "%s"'), tostring(name)), 2)
    end
  end
  if type(spec.run) ~= "function" then
    error(t("cx.script: run é uma função", "cx.script: run must be a function"), 2)
  end
  if spec.title ~= nil and not title_text(spec.title) then
    error(t("cx.script: title é um texto", "cx.script: title must be a text"), 2)
  end
  local script = {}
  scripts[script] = { title = title_text(spec.title), run = spec.run }
  return script
end

-- Title of what the file returned, or an error.
local function check(script)
  local s = scripts[script]
  if not s then
    error(t("o arquivo deve terminar com: return cx.script { … }",
      "the file must end with: return cx.script { … }"), 0)
  end
  return s.title
end

-- Runs it; a table it returns without having used r is the answer.
local function run(script)
  local result = scripts[script].run(r)
  if not used and type(result) == "table" then host.answer(json(result)) end
end

local cx = common.outside({ script = declare_script }, "um roteiro", "a script")
return { cx = cx }, check, run
