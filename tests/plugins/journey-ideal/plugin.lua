cx.plugin { name = "journey-ideal", version = "1.0.0", api = 1 }
cx.event "w.moved" { fields = { k = cx.text { required = true }, to = cx.text {} } }
local function to(e) return e.to == "end" and cx.done "ended" or e.to end
local function stage(id) return cx.stage(id) { leave = { ["w.moved"] = to } } end
cx.journey "way" { key = "k", start = { ["w.moved"] = function(e) return e.to end },
  ideal = { "a", { "b", within = "10min", weight = 2 }, "c", "d" },
  stages = { stage "a", stage "b", stage "c", stage "d", stage "x" } }
