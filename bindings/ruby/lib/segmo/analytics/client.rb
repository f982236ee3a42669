# frozen_string_literal: true

module Segmo
  class Analytics
    # Checks calls as analytics-ruby does and gives them to a {Segmo::Client}. All threads may share one.
    #
    # A call raises ArgumentError for what the caller got wrong. What cannot be accepted for another reason makes it
    # answer false, and on_error hears why, on the calling thread.
    class Client
      include Logging

      STALL_S = 10
      SLICE_S = 0.5
      LIBRARY = { name: Segmo::Settings::LIBRARY["library.name"], version: Segmo::VERSION }.freeze
      private_constant :STALL_S, :SLICE_S, :LIBRARY

      # @param options [Hash] with symbol or text keys; it is not changed. Also any option of {Segmo::Client} by its name
      # @option options [String] :write_key needed, unless calls are stubbed
      # @option options [#call] :on_error called with a status (-1: no answer) and what was said
      # @option options [Integer] :max_queue_size how many messages may wait; nil: as many as the spool holds
      # @option options [Integer] :batch_size messages in a request, at most 2500
      # @option options [Boolean] :test calls go to {#test_queue} and are not sent
      # @option options [String] :host a name, or an address with https://
      # @option options [Integer] :port
      # @option options [Boolean] :ssl false: http
      # @option options [String] :path ends in /v1/import or /v1/batch
      # @option options [Integer] :retries after how many a message is given up; nil: when it is older than delivery.max_age_ms
      # @option options [BackoffPolicy] :backoff_policy
      # @raise [ArgumentError] there is no write key
      # @raise [Segmo::Error] as {Segmo::Client#initialize}
      def initialize(options = {})
        given = Utils.symbolize_keys(options)
        raise ArgumentError, "Write key must be initialized" if given[:write_key].nil? && !keyless?

        @settings = Settings.for_client(given)
        @gives_up = !given[:retries].nil?
        @on_error = given[:on_error] || proc {}
        @room = Room.new(given[:max_queue_size])
        @lock = Mutex.new
        given[:test] ? test! : (delivery unless Transport.stub)
      end

      # Records what a user did.
      #
      # @param attrs [Hash] with symbol or text keys; it is not changed
      # @option attrs [String] :event
      # @option attrs [Hash] :properties
      # @option attrs [String, Integer] :user_id who; either this or :anonymous_id
      # @option attrs [String] :anonymous_id
      # @option attrs [Time] :timestamp when it happened; nil: now
      # @option attrs [Hash] :context
      # @option attrs [Hash] :integrations
      # @option attrs [String] :message_id nil: a new one
      # @return [Boolean] whether the message was accepted: it is on disk then
      # @raise [ArgumentError] something is missing or of the wrong kind
      def track(attrs)
        enqueue(FieldParser.parse_for_track(Utils.symbolize_keys(attrs)))
      end

      # Records who a user is. As {#track}, with traits.
      # @option attrs [Hash] :traits
      # @return [Boolean]
      def identify(attrs)
        enqueue(FieldParser.parse_for_identify(Utils.symbolize_keys(attrs)))
      end

      # Records that a user belongs to a group. As {#identify}.
      # @option attrs [String, Integer] :group_id
      # @return [Boolean]
      def group(attrs)
        enqueue(FieldParser.parse_for_group(Utils.symbolize_keys(attrs)))
      end

      # Records a page view. As {#track}.
      # @option attrs [String] :name
      # @option attrs [String] :category
      # @return [Boolean]
      def page(attrs)
        enqueue(FieldParser.parse_for_page(Utils.symbolize_keys(attrs)))
      end

      # Records a screen view. As {#page}; the name is needed.
      # @return [Boolean]
      def screen(attrs)
        enqueue(FieldParser.parse_for_screen(Utils.symbolize_keys(attrs)))
      end

      # Records that two ids are the same user. As {#track}.
      # @option attrs [String, Integer] :previous_id
      # @return [Boolean]
      def alias(attrs)
        enqueue(FieldParser.parse_for_alias(Utils.symbolize_keys(attrs)))
      end

      # Waits until every message accepted before has its outcome and on_error has heard of it. Ends early where waiting
      # does not help: a destination is paused, or without :retries nothing has moved for 10 seconds. What is pending
      # then stays on disk.
      # @return [nil]
      def flush
        return if @delivery.nil? || @delivery.closed?

        moved_at = Call.now
        moved = nil
        until @delivery.flush(timeout: SLICE_S)
          counts = @delivery.stats["destinations"].values
          moved_at = Call.now unless moved == (moved = counts.sum { |count| count.values_at("delivered", "dead", "skipped").sum })
          next unless given_up?(counts, moved_at)

          logger.warn("flush: messages are pending; they stay in the spool directory and are sent later")
          break
        end
        nil
      end

      # @return [Integer] how many messages have no outcome yet
      def queued_messages
        @delivery ? @delivery.stats["destinations"].values.map { |count| count["pending"] }.max : 0
      end

      # @return [TestQueue]
      # @raise [RuntimeError] without :test and without {#test!}
      def test_queue
        @test_queue || raise("Test queue only available when setting :test to true.")
      end

      # From now on calls go to {#test_queue}, an empty one, and are not sent.
      # @return [TestQueue]
      def test!
        @test_queue = TestQueue.new
      end

      # @return [Hash{String => Object}] counters, as {Segmo::Client#stats}
      def stats
        delivery.stats
      end

      # Flushes and stops, as {Segmo::Client#close}.
      # @return [Boolean] whether nothing is pending
      def close(timeout: nil)
        @delivery ? @delivery.close(timeout: timeout) : true
      end

      # Without the write key.
      # @return [String]
      def inspect
        "#<#{self.class}>"
      end

      private

      def keyless?
        Transport.stub || (defined?(Testing) && Testing.fake?)
      end

      # Opened when it is needed: stubs and tests need none.
      def delivery
        @delivery || @lock.synchronize do
          @delivery ||= Segmo::Client.new(@settings, on_report: Outcomes.new(@on_error), logger: logger)
        end
      end

      def enqueue(message)
        return record(message) if @test_queue
        return logger.debug("stubbed: a #{message[:type]} call") || true if Transport.stub

        @room.take { queued_messages } ? accept(message) : overflow
      end

      # A message that is sent gets from the library what is added here.
      def record(message)
        message[:messageId] ||= Utils.uid
        message[:timestamp] ||= Utils.time_in_iso8601(Time.now)
        message[:context] = { library: LIBRARY }.merge(message[:context]) unless message[:context].key?("library")
        @test_queue << message
        true
      end

      # Segment counts an empty name as a wrong one.
      def accept(message)
        deliver(message[:name] == "" ? message.reject { |name, _| name == :name } : message)
      rescue Error::Full
        overflow
      rescue Error::TooLarge
        refuse("Message Exceeded Maximum Allowed Size")
      rescue Error::Timeout => e # accepted: the disk alone has not confirmed it yet
        logger.warn(e.message)
        true
      rescue Error => e
        refuse(e.message)
      end

      # A value that JSON has not costs no message.
      def deliver(message)
        delivery.enqueue(message)
      rescue Error::Invalid, Error::JSON => e
        delivery.enqueue(mended(message, e)).tap { logger.warn("sent with another value instead: #{e.message}") }
      end

      # Values of the host may raise anything when they are asked for their text; it counts as the refusal it came from.
      def mended(message, refusal)
        Mending.mend(message)
      rescue StandardError
        raise refusal
      end

      def overflow
        words = "Queue is full, dropping events. Raise :max_queue_size or spool.max_bytes."
        logger.warn(words)
        refuse(words)
      end

      # @return [false]
      def refuse(words)
        logger.error("not accepted: #{words}")
        @on_error.call(-1, words)
        false
      rescue StandardError => e
        logger.error("on_error raised #{e.class}: #{e.message}")
        false
      end

      def given_up?(counts, moved_at)
        waiting = counts.select { |count| count["pending"].positive? }
        return true if waiting.any? && waiting.all? { |count| count["state"] == "paused" }

        !@gives_up && Call.now - moved_at >= STALL_S
      end
    end
  end
end
