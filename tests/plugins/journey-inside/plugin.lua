cx.plugin { name = "journey-inside", version = "1.0.0", api = 1 }
for _, type in ipairs { "c.opened", "c.asked", "r.tried", "r.done", "c.closed", "promise.made", "promise.settled" } do
  cx.event(type) { fields = { case = cx.text { required = true }, ok = cx.boolean {}, promise = cx.text {}, due = cx.time {}, reason = cx.text {} } }
end
cx.journey "repair" { stages = {
  cx.stage "look" { within = "10min", leave = { ["r.tried"] = "fix" } },
  cx.stage "fix" { leave = { ["r.done"] = function(e) return cx.done(e.ok and "solved" or "failed") end, ["r.tried"] = "fix" } } },
  on_late = function(j, stage, tx) tx:friction { journey = j, stage = stage, kind = "slow" } end }
cx.journey "case" { key = "case", start = "c.opened", idle = { after = "1d", outcome = cx.done "quiet" },
  promises = { made = "promise.made", settled = "promise.settled", id = "promise", due = "due", reason = "reason" },
  stages = {
    cx.stage "receive" { leave = { ["c.asked"] = "execute" } },
    cx.stage "execute" { journey = "repair", leave = { [cx.ended "solved"] = "close", [cx.ended()] = "receive", ["c.closed"] = cx.done "gone" } },
    cx.stage "close" { leave = { ["c.closed"] = cx.done "closed" } } } }
