# frozen_string_literal: true

class OrdersController < ApplicationController
  def create
    order = Order.transaction do
      order = Order.create!(user_id: session.fetch(:user_id), total: params.require(:total))
      raise ActiveRecord::Rollback unless order.total.positive?

      Segmo.after_commit { ReceiptJob.perform_later(order) }
      order
    end
    head(order ? :created : :unprocessable_entity)
  end
end
