# frozen_string_literal: true

module Segmo
  class Analytics
    # What was called instead of sent, for tests: messages with symbol keys.
    class TestQueue
      TYPES = %i[alias group identify page screen track].freeze
      private_constant :TYPES

      # @return [Hash{Symbol => Array<Hash>}] by type, and :all
      attr_reader :messages

      def initialize
        reset!
      end

      # @return [Hash] the message at that place of all
      def [](index)
        all[index]
      end

      # @return [Integer]
      def count
        all.count
      end

      # @param message [Hash]
      # @raise [NoMethodError] its type is none
      def <<(message)
        type = message[:type].to_s.to_sym
        raise NoMethodError, "no messages of type #{message[:type].inspect}" unless TYPES.include?(type)

        all << message
        public_send(type) << message
      end

      # @return [Array<Hash>]
      def all
        messages[:all] ||= []
      end

      TYPES.each { |type| define_method(type) { messages[type] ||= [] } }

      # Forgets everything.
      # @return [Hash] the emptied {#messages}
      def reset!
        @messages = {}
      end
    end
  end
end
