# frozen_string_literal: true

# A plain program: who, what, and then the end. Keys come from the environment:
#
#     SEGMO_SEGMENT_WRITE_KEY=WK123 ruby plain.rb
require "segmo"

Segmo::Client.open(on_error: ->(report) { warn "#{report.kind}: #{report["reason"]}" }) do |client|
  client.identify(user_id: "user-1", traits: { plan: :pro, since: Time.now })
  client.track(user_id: "user-1", event: "Order Completed", properties: { total: 9.99, currency: "EUR" })
end
puts "sent"
