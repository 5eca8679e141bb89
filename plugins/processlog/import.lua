-- `cxd import processlog DIR`: a row of the log is an activity done.
local columns = require "columns"
local DELIMITERS <const> = { comma = ",", semicolon = ";", tab = "\t", pipe = "|" }

-- A column as SQL has it. With the table's name before it a column that is not there is an error, and
-- never taken for a text.
local function column(name) return 'l."' .. name:gsub('"', '""') .. '"' end

local selected = {}
local function select(name, alias)
  if name ~= "" then selected[#selected + 1] = column(name) .. " as " .. alias end
end
select(cx.config.case_column, "the_case")
select(cx.config.time_column, "the_time")
select(cx.config.activity_column, "the_activity")
select(cx.config.resource_column, "the_resource")
select(cx.config.unit_column, "the_unit")
select(cx.config.customer_column, "the_subject")
for i, c in ipairs(columns.kept) do select(c.column, "kept_" .. i) end

-- 20/11/2026 14:03[:05] → 2026-11-20 14:03:05. What has another form goes as it is, to be refused.
local function instant(text)
  if not text or cx.config.dates == "iso" then return text end
  local a, b, year, rest = text:match "^%s*(%d%d?)[/.-](%d%d?)[/.-](%d%d%d%d)(.*)$"
  if not a then return text end
  local day, month = a, b
  if cx.config.dates == "mdy" then day, month = b, a end
  rest = rest:match "^[T ]+%d.*$" or rest
  if rest:match "^%s+%d%d?:%d%d%s*$" then rest = rest:match "^(.-)%s*$" .. ":00" end
  rest = rest:gsub("^%s+(%d):", " 0%1:")
  return ("%s-%02d-%02d%s"):format(year, tonumber(month), tonumber(day), rest)
end

-- A case, an instant and which of the case's rows of that instant it is: the same when the log comes
-- again with more rows, or in another order.
local LOG <const> = "select l.rowid as rowid, " .. table.concat(selected, ", ") ..
  (", row_number() over (partition by %s, %s order by l.rowid) as nth from log l")
    :format(column(cx.config.case_column), column(cx.config.time_column))

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
          subject = row.the_subject, unit = row.the_unit, data = data }
      end },
  },
}
