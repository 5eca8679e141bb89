cx.plugin { name = "journey-rules", version = "1.0.0", api = 1 }
for _, type in ipairs { "a.a", "b.b", "m.m", "p.p", "q.q", "z.z", "z.y" } do
  cx.event(type) { fields = { k = cx.text {}, to = cx.text {} } }
end
local over = { ["z.z"] = cx.done "over" }
cx.journey "single" { key = "k", start = "a.a", stages = { cx.stage "one" { leave = over } } }
cx.journey "many" { key = "k", start = { "a.a", "b.b" }, stages = {
  cx.stage "one" { leave = { ["a.a"] = "two" } }, cx.stage "two" { leave = over } } }
cx.journey "moved" { key = "k", start = { ["m.m"] = function(e) return e.to == "two" and "two" or nil end },
  stages = { cx.stage "one" { leave = over }, cx.stage "two" { leave = over } } }
cx.journey "once" { key = "k", start = "a.a", again = false, idle = { after = "1h", outcome = cx.done("quiet", { lost = true }) },
  stages = { cx.stage "one" { leave = { ["z.z"] = cx.done "over", ["z.y"] = function() end } } } }
cx.journey "person" { key = "subject", start = "a.a", stages = { cx.stage "one" { leave = over } } }
cx.journey "office" { key = "k", start = "a.a", stages = { cx.stage "one" { within = "1bh", leave = over } } }
cx.journey "loop" { key = "k", start = "a.a", stages = {
  cx.stage "one" { within = "5min", leave = { ["m.m"] = function(e) return e.to end } }, cx.stage "two" { leave = over } },
  on_late = function(j, stage, tx) tx:friction { journey = j, stage = stage, kind = "wait", lost = "1min", severity = 2 } end }
local both = { "p.p", "q.q" }
cx.journey "alls" { key = "k", start = "a.a", stages = {
  cx.stage "one" { leave = { ["m.m"] = function(e, j)
    if e.to ~= "look" then return e.to end
    return cx.done(table.concat({ j.key, j.stage, j.subject, j.unit, j.data.to, j.pass, j.seen["p.p"] }, " "))
  end } },
  cx.stage "wait" { leave = { [cx.all(both)] = "done" } },
  cx.stage "anew" { leave = { [cx.all { "p.p", "q.q", fresh = true }] = "done" } },
  cx.stage "exact" { leave = { ["q.q"] = "done", [cx.all(both)] = function(e) return e.to end } },
  cx.stage "circle" { leave = { [cx.all { "p.p" }] = "circle" } },
  cx.stage "done" { leave = over } } }
