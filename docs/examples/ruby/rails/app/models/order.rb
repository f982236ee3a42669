# frozen_string_literal: true

class Order < ApplicationRecord
  after_create :record_completion

  private

  def record_completion
    Segmo.after_commit do
      Segmo.client.track(user_id: user_id, event: "Order Completed", properties: { order_id: id, total: total })
    end
  end
end
