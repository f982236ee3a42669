# frozen_string_literal: true

require_relative "../testing"

module Segmo
  module Testing
    # Assertions for Minitest (and for ActiveSupport::TestCase): `include Segmo::Testing::Minitest`.
    #
    # With a block they look at what the block sends, else at everything recorded. Of properties and traits the members
    # named must be there; a value may be a Regexp, a Class or a Range, too.
    module Minitest
      # @param event [String, Regexp]
      # @param user_id [String, Integer, nil]
      # @param properties [Hash]
      # @param times [Integer, nil] exactly so many times; nil: at least once
      # @return [Hash] the first message that fits
      def assert_tracked(event, user_id: nil, properties: nil, times: nil, &block)
        assert_sent("track", event, { "userId" => user_id, "properties" => properties }, times, &block)
      end

      # @param user_id [String, Integer, nil]
      # @param traits [Hash]
      # @return [Hash] the first message that fits
      def assert_identified(user_id = nil, traits: nil, times: nil, &block)
        assert_sent("identify", nil, { "userId" => user_id, "traits" => traits }, times, &block)
      end

      # @param event [String, Regexp]
      # @return [nil]
      def refute_tracked(event, user_id: nil, properties: nil, &block)
        assert_sent("track", event, { "userId" => user_id, "properties" => properties }, 0, &block)
      end

      private

      def assert_sent(type, event, wanted, times)
        expectation = Expectation.new(type, event, Minitest.method(:fits?))
        wanted.compact.each { |name, value| expectation.want(name, value) }
        messages = Testing.messages
        if block_given?
          Testing.fake! { yield }
          messages = Testing.messages.drop(messages.size)
        end
        found = expectation.fitting(messages)
        assert(times ? found.size == times : found.any?,
               "Expected #{expectation}#{" #{times} times" if times}, but #{expectation.told(messages)}")
        found.first
      end

      # @api private
      def self.fits?(wanted, sent)
        case wanted
        when Hash then sent.is_a?(Hash) && wanted.all? { |name, value| fits?(value, sent[name]) }
        when Array then sent.is_a?(Array) && wanted.size == sent.size && wanted.zip(sent).all? { |pair| fits?(*pair) }
        else wanted === sent
        end
      end
    end
  end
end
