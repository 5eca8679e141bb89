-- Olist: a Brazilian marketplace's five public CSV files, as events and figures.
-- An order is one fact, placed by its purchase; a review is one fact, placed by its creation.
-- Which figure is which column of the published truth is in README.md.
cx.plugin { name = "olist", version = "1.0.0", api = 1,
  title = { ["pt-BR"] = "Olist, marketplace brasileiro", en = "Olist, a Brazilian marketplace" },
}

require "orders"
require "reviews"
require "import"
