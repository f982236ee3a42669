# frozen_string_literal: true

require "rspec/expectations"
require_relative "../testing"

module Segmo
  module Testing
    # Matchers for RSpec. Include them where they are needed: `config.include Segmo::Testing::RSpec`.
    #
    # @example
    #   expect { checkout }.to have_tracked("Order Completed").for_user("u1").with_properties(include("total" => 9.99))
    #   expect(client).to have_identified("u1").with_traits(plan: "pro")
    module RSpec
      # Compared with what a block sends, what a client has sent, or what `Segmo::Testing` has recorded.
      class HaveSent
        include ::RSpec::Matchers::Composable

        def initialize(type, event = nil)
          @expectation = Expectation.new(type, event, method(:values_match?))
        end

        # @param id [String, Integer]
        def for_user(id)
          want("userId", id)
        end

        # @param id [String]
        def for_anonymous(id)
          want("anonymousId", id)
        end

        # @param properties [Hash, Object] all of them, or a matcher such as include("total" => 9.99)
        def with_properties(properties)
          want("properties", properties)
        end

        # @param traits [Hash, Object] all of them, or a matcher
        def with_traits(traits)
          want("traits", traits)
        end

        # @param context [Hash, Object] as the caller gave it, or a matcher
        def with_context(context)
          want("context", context)
        end

        # @param count [Integer] exactly so many times; without it at least once
        def times(count)
          @count = count
          self
        end

        def once
          times(1)
        end

        def matches?(actual)
          @messages = messages_of(actual)
          found = @expectation.fitting(@messages).size
          @count ? found == @count : found.positive?
        end

        def supports_block_expectations?
          true
        end

        def description
          "have sent #{@expectation}#{" #{@count} times" if @count}"
        end

        def failure_message
          "expected to #{description}, but #{@expectation.told(@messages)}"
        end

        def failure_message_when_negated
          "expected not to #{description}, but #{@expectation.told(@messages)}"
        end

        private

        def want(name, value)
          @expectation.want(name, value)
          self
        end

        def messages_of(actual)
          return Testing.messages(actual) if actual.is_a?(Client)
          return Testing.messages unless actual.is_a?(Proc)

          before = Testing.messages.size
          Testing.fake! { actual.call }
          Testing.messages.drop(before)
        end
      end

      # @param event [String, Regexp] its name
      def have_tracked(event)
        HaveSent.new("track", event)
      end

      # @param user_id [String, Integer, nil]
      def have_identified(user_id = nil)
        matcher = HaveSent.new("identify")
        user_id.nil? ? matcher : matcher.for_user(user_id)
      end

      # @param type [String, Symbol] "page", "screen", "group" or "alias"
      def have_sent(type)
        HaveSent.new(type.to_s)
      end
    end
  end
end
