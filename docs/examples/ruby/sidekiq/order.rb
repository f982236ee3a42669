# frozen_string_literal: true

# Enqueues a job for a user: order.rb USER TOTAL
require_relative "shop"

user, total = ARGV
Segmo::Context.use(user_id: user, context: { ip: "203.0.113.7" }) do
  Segmo.client.track(event: "Order Completed", properties: { total: total.to_f })
  ReceiptJob.perform_async(total.to_f)
end
