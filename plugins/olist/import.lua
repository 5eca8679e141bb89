-- `cxd import olist DIR`: the five files joined by SQL, one event per order and per review.

-- Exact cents of a decimal text without floats. More than two digits after the point are counted
-- by `digits`, so that the row can be refused instead of cut.
local function cents(column)
  return ([[(cast(substr(V, 1, instr(V || '.', '.') - 1) as integer) * 100 +
    cast(substr(substr(V, instr(V || '.', '.') + 1) || '00', 1, 2) as integer))]]):gsub("V", column)
end
local function digits(column)
  return ("length(substr(V, instr(V || '.', '.') + 1))"):gsub("V", column)
end

-- The sum as text; with a third digit somewhere, a text that no money field takes.
local function total(column, name)
  return ([[case when max(%s) > 2 then '%s: more than two decimals' else
    printf('%%d.%%02d', sum(%s) / 100, sum(%s) %% 100) end as %s]])
    :format(digits(column), column, cents(column), cents(column), name)
end

local ORDERS <const> = [[
  select o.rowid as rowid, o.*, c.customer_unique_id, c.customer_state,
    p.paid, i.goods, i.freight, i.items, r.reviewed
  from orders o
  left join customers c using (customer_id)
  left join (select order_id, ]] .. total("payment_value", "paid") .. [[
    from payments group by 1) p using (order_id)
  left join (select order_id, count(*) as items, ]] .. total("price", "goods") .. ", " ..
  total("freight_value", "freight") .. [[
    from items group by 1) i using (order_id)
  left join (select order_id, min(review_creation_date) as reviewed
    from reviews group by 1) r using (order_id)]]

local REVIEWS <const> = [[
  select r.rowid as rowid, r.*, c.customer_unique_id, c.customer_state
  from reviews r
  left join orders o using (order_id)
  left join customers c using (customer_id)]]

cx.import "olist" {
  tables = {
    orders = "olist_orders_dataset.csv",
    customers = "olist_customers_dataset.csv",
    items = "olist_order_items_dataset.csv",
    payments = "olist_order_payments_dataset.csv",
    reviews = "olist_order_reviews_dataset.csv",
  },
  events = {
    { sql = ORDERS,
      map = function(row)
        return { type = "order.purchased", id = "order/" .. row.order_id,
          subject = row.customer_unique_id, unit = row.customer_state,
          time = row.order_purchase_timestamp,
          data = { order = row.order_id, status = row.order_status, paid = row.paid,
            goods = row.goods, freight = row.freight, items = row.items,
            approved = row.order_approved_at, carrier = row.order_delivered_carrier_date,
            delivered = row.order_delivered_customer_date,
            estimated = row.order_estimated_delivery_date, reviewed = row.reviewed } }
      end },
    -- A review_id comes back on other orders: only the pair is a key.
    { sql = REVIEWS,
      map = function(row)
        return { type = "review.created", id = "review/" .. row.review_id .. "/" .. row.order_id,
          subject = row.customer_unique_id, unit = row.customer_state,
          time = row.review_creation_date,
          data = { review = row.review_id, order = row.order_id, score = row.review_score,
            title = row.review_comment_title, message = row.review_comment_message,
            answered = row.review_answer_timestamp } }
      end },
  },
}
