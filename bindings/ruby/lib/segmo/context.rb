# frozen_string_literal: true

module Segmo
  # What the surroundings of a call (a request, a job, a block) add to its message.
  #
  #   Segmo::Context.use(user_id: "user-1", context: { ip: "203.0.113.7" }) do
  #     client.track(event: "Order Completed")
  #   end
  #
  # The call's own members win; `context` is merged member by member. It belongs to the thread, or the fiber, that runs
  # the block; {Rack::RequestContext}, Active Job and Sidekiq carry it to where it is needed.
  module Context
    KEY = :segmo_context
    private_constant :KEY

    class << self
      # For the calls inside the block: ids for those that name no user, and more context.
      #
      # Ids are filled in when a call names none, and an anonymous id also beside the same user id, so that identify
      # links the two. A call about another user, and alias, get no ids from here.
      #
      # @param user_id [String, Integer, nil]
      # @param anonymous_id [String, nil]
      # @param context [Hash, nil] goes over that of the surroundings, under that of the call
      # @return the block's value
      def use(user_id: nil, anonymous_id: nil, context: nil, &block)
        own = { "userId" => user_id, "anonymousId" => anonymous_id, "context" => context }.compact
        under = carried
        carrying(under ? -> { over(own, under.call) } : -> { own }, &block)
      end

      # @return [Hash{String => Object}] what calls get here now: of userId, anonymousId and context those that are known
      def current
        carried ? over({}, carried.call) : {}
      end

      # The surroundings in a form that JSON, and so any queue, can hold.
      # @return [Hash{String => Object}, nil] nil: there is nothing to carry
      # @raise [Error::Invalid] something in it has no form in JSON
      def portable
        known = current
        ::JSON.parse(Convert.json(known)) unless known.empty?
      end

      # In place of the surroundings: what `members` answers, asked whenever a message is made. For integrations.
      # @param members [#call, nil] answers a Hash with string keys; nil: there are none
      def carrying(members)
        before = carry(members)
        yield
      ensure
        carry(before)
      end

      # The same until it is called again, for surroundings that no block encloses.
      # @return [#call, nil] what was carried before
      def carry(members)
        before = carried
        Thread.current[KEY] = members
        before
      end

      # @api private
      # @param message [Hash]
      # @return [Hash] with the surroundings under its own members; the message itself stays as it is
      def complete(message)
        under = Thread.current[KEY] # not by a method: every message asks
        under ? over(message, under.call) : message
      end

      private

      def carried
        Thread.current[KEY]
      end

      # Both, of which the ids belong together: those of another user stay away.
      def over(message, under)
        own = named(message)
        under = under.slice("context") unless about?(own, under)
        merged(own, under)
      end

      def about?(message, under)
        return false if message["type"].to_s == "alias" || !message["anonymousId"].nil?

        user_id = message["userId"]
        user_id.nil? || user_id.to_s == under["userId"].to_s
      end

      # Objects member by member; where the two disagree, the first.
      def merged(above, below)
        named(above).merge(named(below)) do |_, mine, other|
          mine.is_a?(Hash) && other.is_a?(Hash) ? merged(mine, other) : mine
        end
      end

      def named(members)
        members.transform_keys { |key| key.is_a?(Symbol) ? key.to_s : key }
      end
    end
  end
end
