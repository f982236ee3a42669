# frozen_string_literal: true

module Segmo
  class Analytics
    # How long to pause after a failure. As the option :backoff_policy it gives its shortest and its longest pause to
    # the delivery, whose pauses double.
    class BackoffPolicy
      include Defaults::BackoffPolicy

      # @return [Numeric] milliseconds
      attr_reader :min_timeout_ms, :max_timeout_ms

      # @param options [Hash]
      # @option options [Numeric] :min_timeout_ms the first pause
      # @option options [Numeric] :max_timeout_ms the longest pause
      # @option options [Numeric] :multiplier what a pause is longer than the one before
      # @option options [Numeric] :randomization_factor by how much of itself a pause may differ
      def initialize(options = {})
        @min_timeout_ms = options[:min_timeout_ms] || MIN_TIMEOUT_MS
        @max_timeout_ms = options[:max_timeout_ms] || MAX_TIMEOUT_MS
        @multiplier = options[:multiplier] || MULTIPLIER
        @randomization_factor = options[:randomization_factor] || RANDOMIZATION_FACTOR
        @pauses = 0
      end

      # @return [Numeric] the next pause in milliseconds
      def next_interval
        pause = @min_timeout_ms * @multiplier**@pauses
        @pauses += 1
        [pause + pause * @randomization_factor * rand(-1.0..1.0), @max_timeout_ms].min
      end
    end
  end
end
