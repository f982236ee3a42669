# frozen_string_literal: true

class ReceiptJob < ActiveJob::Base
  def perform(order)
    # The user and the address are those of the request that ordered.
    Segmo.client.track(event: "Receipt Sent", properties: { order_id: order.id })
  end
end
