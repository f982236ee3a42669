# frozen_string_literal: true

require "ffi"
require "json"

require_relative "segmo/version"
require_relative "segmo/error"
require_relative "segmo/library"
require_relative "segmo/native"
require_relative "segmo/call"
require_relative "segmo/plain"
require_relative "segmo/convert"
require_relative "segmo/settings"
require_relative "segmo/report"
require_relative "segmo/courier"
require_relative "segmo/context"
require_relative "segmo/client"
require_relative "segmo/shared"

# Carries Segment messages to Segment and to MoEngage without losing one.
#
# @example
#   client = Segmo::Client.new(segment_write_key: "WK123")
#   client.track(user_id: "user-1", event: "Order Completed", properties: { total: 9.99 })
#   client.close
module Segmo
  autoload :Analytics, File.expand_path("segmo/analytics", __dir__)

  Library.check
end

require_relative "segmo/railtie" if defined?(::Rails::Railtie)
require_relative "segmo/sidekiq" if defined?(::Sidekiq)
