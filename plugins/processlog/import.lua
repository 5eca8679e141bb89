-- `cxd import processlog DIR`: a row of the log is an activity done.
local columns = require "columns"
local DELIMITERS <const> = { comma = ",", semicolon = ";", tab = "\t", pipe = "|" }

-- A column as SQL has it. With the table's name before it a column that is not there is an error, and
-- never taken for a text.
local function column(name) return 'l."' .. name:gsub('"', '""') .. '"' end

-- White space around a value is the file's, not the company's.
local function value(name) return ("nullif(trim(%s), '')"):format(column(name)) end

local selected = {}
local function select(name, alias)
  if name ~= "" then selected[#selected + 1] = value(name) .. " as " .. alias end
end
select(cx.config.case_column, "the_case")
select(cx.config.time_column, "the_time")
select(cx.config.activity_column, "the_activity")
select(cx.config.resource_column, "the_resource")
select(cx.config.unit_column, "the_unit")
select(cx.config.customer_column, "the_customer")
for i, c in ipairs(columns.kept) do select(c.column, "kept_" .. i) end

-- " 1:30 PM" → " 13:30". Another form of clock goes as it is.
local function clock(text)
  local hour, rest, half = text:match "^[T ]+(%d%d?)(:%d%d[%d:.]*)%s*([AaPp])%.?[Mm]%.?$"
  if hour and tonumber(hour) >= 1 and tonumber(hour) <= 12 then
    return (" %02d%s"):format(hour % 12 + (half:lower() == "p" and 12 or 0), rest)
  end
  return (text:gsub("^[T ]+(%d):", " 0%1:"))
end

-- 20/11/2026 14:03 → 2026-11-20 14:03. What is no date goes as it is, to be refused.
local function instant(text)
  if not text then return nil end
  local date, rest = text:match "^(%d%d%d%d%-%d%d%-%d%d)(.*)$"
  if date then return date .. clock(rest) end
  local day, month, year
  day, month, year, rest = text:match "^(%d%d?)[/.-](%d%d?)[/.-](%d%d%d%d)(.*)$"
  if not day or cx.config.dates == "iso" then return text end
  if cx.config.dates == "mdy" then day, month = month, day end
  if tonumber(month) > 12 or tonumber(day) > 31 then return text end
  return ("%s-%02d-%02d%s"):format(year, tonumber(month), tonumber(day), clock(rest))
end

-- A case, an instant and which of the case's rows of that instant it is: the same when the log comes
-- again with more rows, or in another order.
local LOG <const> = "select l.rowid as rowid, " .. table.concat(selected, ", ") ..
  (", row_number() over (partition by %s, %s order by l.rowid) as nth from log l order by l.rowid")
    :format(value(cx.config.case_column), value(cx.config.time_column))

cx.import "processlog" {
  title = { ["pt-BR"] = "Registro de processo em CSV", en = "Process log in CSV" },
  tables = { log = { file = cx.config.file, delimiter = DELIMITERS[cx.config.delimiter],
    encoding = cx.config.encoding } },
  events = {
    { sql = LOG,
      map = function(row)
        local data = { case = row.the_case, activity = row.the_activity, resource = row.the_resource }
        for i, c in ipairs(columns.kept) do data[c.field] = row["kept_" .. i] end
        return { type = "activity.done", time = instant(row.the_time),
          id = ("%s/%s/%04d"):format(row.the_case or "?", row.the_time or "?", row.nth),
          subject = row.the_customer, unit = row.the_unit, data = data }
      end },
  },
}
