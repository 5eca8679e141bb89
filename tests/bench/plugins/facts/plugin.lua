-- What bench.py sends when it measures what figures cost: the facts alone.
cx.plugin { name = "facts", version = "1.0.0", api = 1, title = "Facts" }

local function channel() return cx.choice { "loja", "app", "telefone" } end

cx.event "order.placed" {
  fields = {
    order = cx.text { required = true },
    net = cx.money { currency = "BRL", required = true },
    items = cx.integer { min = 1 },
    channel = channel(),
    member = cx.boolean(),
  },
}
cx.event "nps.answered" {
  fields = {
    score = cx.integer { min = 0, max = 10, required = true },
    channel = channel(),
    comment = cx.text { personal = true },
  },
}
cx.event "ces.answered" {
  fields = { score = cx.integer { min = 1, max = 7, required = true }, channel = channel() },
}
cx.event "complaint.opened" {
  fields = {
    complaint = cx.text { required = true },
    channel = cx.choice { "loja", "sac", "procon" },
    category = cx.text {},
  },
}
