-- What [plugin:processlog] says of columns beside those that every log has.
local function split(text)
  local out = {}
  for word in text:gmatch "[^,]+" do
    word = word:match "^%s*(.-)%s*$"
    if word ~= "" then out[#out + 1] = word end
  end
  return out
end

local PLAIN <const> = {}
for plain, letters in pairs { a = "áàâãäÁÀÂÃÄ", c = "çÇ", e = "éèêëÉÈÊË", i = "íìîïÍÌÎÏ", o = "óòôõöÓÒÔÕÖ",
  u = "úùûüÚÙÛÜ", n = "ñÑ" } do
  for _, code in utf8.codes(letters) do PLAIN[utf8.char(code)] = plain end
end

-- "Nível de serviço" → nivel_de_servico, a name that a field can have.
local function field_name(column)
  local name = column:gsub(utf8.charpattern, PLAIN):lower():gsub("[^%l%d]+", "_"):gsub("^[_%d]+", ""):gsub("_$", "")
  return name ~= "" and name or "column"
end

local TAKEN <const> = { case = true, activity = true, resource = true, type = true, id = true, source = true,
  time = true, subject = true, unit = true, actor = true, corrects = true, sequence = true, recordedtime = true }

local kept, used = {}, {}
for i, column in ipairs(split(cx.config.keep)) do
  local name = field_name(column)
  if TAKEN[name] then name = "log_" .. name end
  if used[name] then name = name .. "_" .. i end
  used[name] = true
  kept[i] = { column = column, field = name }
end

return { split = split, kept = kept }
