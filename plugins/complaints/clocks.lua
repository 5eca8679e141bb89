-- Every rule that binds the company is a clock on the cases it is about. A missed one is told once: as
-- an event, for the figures, and as a friction of the case.
local binds = {}
for word in cx.config.rules:gmatch "[^,%s]+" do binds[word] = true end

local ANSWERS <const> = { answered = true, resolved = true, withdrawn = true }

local function is(move)
  return { ["complaint.moved"] = function(e) return e.move == move and (e.reason or true) end }
end

for _, r in ipairs(require "rules") do
  if binds[r.rule] then
    local extend = r.extend
    if extend then extend.on = is "extended" end
    cx.clock(r.id) { journey = "complaint", title = { ["pt-BR"] = r.pt, en = r.en }, article = r.article,
      within = r.within, law = not r.own, valid = { from = r.from, to = r.to }, start = r.start,
      stop = { ["complaint.moved"] = function(e) return ANSWERS[e.move] end },
      pause = r.pauses and is "info_asked" or nil, resume = r.pauses and is "info_received" or nil,
      extend = extend,
      on_late = function(j, _, tx)
        tx:emit { type = "complaint.overdue", data = { complaint = j.data.complaint, rule = r.rule } }
        tx:friction { journey = j, kind = "wait" }
      end,
    }
    binds[r.rule] = r.rule
  end
end
for word, known in pairs(binds) do
  assert(known == word, ('[plugin:complaints] rules: no rule "%s"'):format(word))
end
