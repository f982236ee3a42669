# frozen_string_literal: true

module Segmo
  class Analytics
    # How many more messages may wait, where :max_queue_size says so. How many do wait is asked only when as many were
    # taken as had room before.
    # @api private
    class Room
      # @param limit [Integer, nil] nil: as many as the spool holds
      def initialize(limit)
        @limit = limit
        @left = 0
        @lock = Mutex.new
      end

      # @yieldreturn [Integer] how many wait
      # @return [Boolean] whether there is room for one more; it is taken then
      def take
        return true unless @limit

        @lock.synchronize do
          @left = @limit - yield unless @left.positive?
          @left.positive? && (@left -= 1) >= 0
        end
      end
    end
  end
end
