# frozen_string_literal: true

require "forwardable"

module Segmo
  class Analytics; end # first, so that `segmo` has no reason to load this file again
end

require_relative "../segmo"
require_relative "analytics/defaults"
require_relative "analytics/utils"
require_relative "analytics/logging"
require_relative "analytics/field_parser"
require_relative "analytics/test_queue"
require_relative "analytics/transport"
require_relative "analytics/backoff_policy"
require_relative "analytics/settings"
require_relative "analytics/outcomes"
require_relative "analytics/mending"
require_relative "analytics/room"
require_relative "analytics/client"

module Segmo
  # Takes the place of `Segment::Analytics` of the gem analytics-ruby 2.5: the same options, methods, answers and
  # exceptions, over {Segmo::Client}. docs/guide/ruby-analytics.md has the two side by side.
  #
  # @example
  #   analytics = Segmo::Analytics.new(write_key: "WK123", on_error: proc { |status, error| warn "#{status}: #{error}" })
  #   analytics.track(user_id: "user-1", event: "Order Completed", properties: { total: 9.99 })
  #   analytics.flush
  class Analytics
    extend Forwardable
    include Logging

    # Of the interface; the gem's own is Segmo::VERSION.
    VERSION = "2.5.0"

    # @!method track(attrs)
    #   @see Client#track
    # @!method identify(attrs)
    #   @see Client#identify
    # @!method group(attrs)
    #   @see Client#group
    # @!method page(attrs)
    #   @see Client#page
    # @!method screen(attrs)
    #   @see Client#screen
    # @!method alias(attrs)
    #   @see Client#alias
    def_delegators :@client, :track, :identify, :group, :page, :screen, :alias,
                   :flush, :queued_messages, :test_queue, :test!, :stats, :close

    # @param options [Hash] as {Client#initialize}, and
    # @option options [Boolean] :stub for the whole process: calls are checked and go nowhere
    def initialize(options = {})
      given = Utils.symbolize_keys(options)
      Transport.stub = given[:stub] if given.key?(:stub)
      @client = Client.new(given)
    end

    # Without the write key.
    # @return [String]
    def inspect
      "#<#{self.class}>"
    end
  end
end
