-- "loja, app" → { "loja", "app" }: choices that a company sets in its conf.
return function(text)
  local out = {}
  for word in text:gmatch "[^,]+" do
    word = word:match "^%s*(.-)%s*$"
    if word ~= "" then out[#out + 1] = word end
  end
  return out
end
