-- The journey that journeys.py moves: a ticket goes to and fro between two stages, each with a
-- deadline. peer/journey.js has the same.
cx.plugin { name = "tickets", version = "1.0.0", api = 1, title = "Tickets" }

for type in pairs { ["ticket.opened"] = true, ["ticket.passed"] = true, ["ticket.closed"] = true } do
  cx.event(type) { fields = { ticket = cx.text { required = true } } }
end

cx.journey "ticket" { title = "Ticket", owner = "support-lead", tier = "operational",
  key = "ticket", start = "ticket.opened",
  stages = {
    cx.stage "desk"   { title = "Desk", within = "2h", leave = { ["ticket.passed"] = "office", ["ticket.closed"] = cx.done "closed" } },
    cx.stage "office" { title = "Office", within = "4h", leave = { ["ticket.passed"] = "desk", ["ticket.closed"] = cx.done "closed" } },
  } }
