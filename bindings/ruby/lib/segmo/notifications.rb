# frozen_string_literal: true

require "active_support/notifications"

module Segmo
  # Outcomes as ActiveSupport::Notifications: `dead.segmo` for a message that went to the dead letters, `deliver.segmo` for
  # a batch that a destination took. The payload is the report, {Report#to_h}. Subscribers run on segmo's own thread.
  # @api private
  module Notifications
    DEAD = "dead.segmo"
    DELIVERED = "deliver.segmo"

    module_function

    # Delivered batches are reported only when somebody listens.
    # @return [Hash{String => Object}]
    def options
      ::ActiveSupport::Notifications.notifier.listening?(DELIVERED) ? { "reports.delivered" => true } : {}
    end

    # @param report [Report]
    def publish(report)
      case report.kind
      when :dead then ::ActiveSupport::Notifications.instrument(DEAD, report.to_h)
      when :delivered then ::ActiveSupport::Notifications.instrument(DELIVERED, report.to_h)
      end
    end
  end
end
