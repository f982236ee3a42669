# frozen_string_literal: true

module Segmo
  # Accepts messages and delivers them in the background. One client serves all threads, and works on in forked children.
  #
  # A call that returns has its message in the operating system's file: it survives the end of the process, however that
  # ends. A call that raises has queued nothing.
  class Client
    # Owns the native client, and remembers whose it is.
    class Handle
      attr_reader :pointer
      attr_accessor :pid

      def initialize(pointer)
        @pointer = pointer
        @pid = Process.pid
      end

      # From now on the native client is freed with its owner.
      def belong_to(owner)
        @owner_id = owner.object_id
        ObjectSpace.define_finalizer(owner, method(:release))
      end

      private

      # A copy of the owner, even a refused one, has its finalizers: it frees nothing. Nor does a child that did not use
      # the client, where everything belongs to the parent.
      def release(object_id)
        return unless object_id == @owner_id

        pointer, @pointer = @pointer, nil
        Native.segmo_client_free(pointer) if @pid == Process.pid
      end
    end
    private_constant :Handle

    # A client that has accepted something lives until it is closed, also where nothing refers to it any more.
    BEGUN = {}.compare_by_identity
    private_constant :BEGUN

    class << self
      # With a block: yields the client, closes it and answers the block's value.
      def open(*arguments, **options)
        client = new(*arguments, **options)
        return client unless block_given?

        begin
          yield client
        ensure
          client.close
        end
      end

      # @api private
      def flush_at_exit(client)
        BEGUN[client] = true
        return if @hooked

        @hooked = true
        at_exit do
          @hooked = false # what begins in a later handler gets its own flush
          now = Call.now
          BEGUN.keys.each { |client| client.leave(now) } # side by side: the clients have been sending all the time
        end
      end
    end

    # @param options [Hash] options by their names; docs/reference/options.md lists them
    # @param config [String, false, nil] a YAML or JSON file of options; nil: SEGMO_CONFIG, else config/segmo.yml
    # @param on_error [#call, nil] gets each {Report} of what went wrong ({Report#error?})
    # @param on_report [#call, nil] gets every {Report}
    # @param logger [Logger, nil] told when a callback raises
    # @param named [Hash] options with underscores: segment_write_key: "WK123"
    # @raise [Error::Option] an option is unknown or malformed, or no destination is configured
    # @raise [Error::IO] the spool directory cannot be used
    def initialize(options = {}, config: nil, on_error: nil, on_report: nil, logger: nil, **named)
      @handle = open_native(options.merge(named), config)
      @courier = Courier.new(self, on_error, on_report, logger) if on_error || on_report
      @handle.belong_to(self)
    end

    # Records what a user did.
    #
    # @param event [String] its name, for example "Order Completed"
    # @param user_id [String, Integer, nil] who; either this or anonymous_id is needed
    # @param anonymous_id [String, nil] who, before the user is known
    # @param properties [Hash, nil]
    # @param context [Hash, nil]
    # @param integrations [Hash, nil]
    # @param timestamp [Time, DateTime, String, nil] when it happened; nil: now
    # @param message_id [String, nil] nil: a new one
    # @param source [String, nil] the id or write key of a source; nil: the only one
    # @return [true] the message is accepted
    # @raise [Error::Invalid] with the field; [Error::TooLarge], [Error::Full], [Error::Closed] ...
    def track(event:, user_id: nil, anonymous_id: nil, properties: nil, context: nil, integrations: nil,
              timestamp: nil, message_id: nil, source: nil)
      message = { type: "track", event: event }
      message[:properties] = properties if properties
      complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Records who a user is. Arguments as {#track}, with traits.
    # @param traits [Hash, nil]
    # @return [true]
    def identify(user_id: nil, anonymous_id: nil, traits: nil, context: nil, integrations: nil, timestamp: nil,
                 message_id: nil, source: nil)
      message = { type: "identify" }
      message[:traits] = traits if traits
      complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Records that a user belongs to a group. Arguments as {#identify}.
    # @param group_id [String, Integer]
    # @return [true]
    def group(group_id:, user_id: nil, anonymous_id: nil, traits: nil, context: nil, integrations: nil,
              timestamp: nil, message_id: nil, source: nil)
      message = { type: "group", groupId: group_id }
      message[:traits] = traits if traits
      complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Records a page view. Arguments as {#track}.
    # @param name [String, nil]
    # @param category [String, nil]
    # @return [true]
    def page(name: nil, category: nil, user_id: nil, anonymous_id: nil, properties: nil, context: nil,
             integrations: nil, timestamp: nil, message_id: nil, source: nil)
      message = view("page", name, category, properties)
      complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Records a screen view. Arguments as {#page}.
    # @return [true]
    def screen(name: nil, category: nil, user_id: nil, anonymous_id: nil, properties: nil, context: nil,
               integrations: nil, timestamp: nil, message_id: nil, source: nil)
      message = view("screen", name, category, properties)
      complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Records that two ids are the same user. Other arguments as {#track}.
    # @param previous_id [String, Integer]
    # @param user_id [String, Integer]
    # @return [true]
    def alias(previous_id:, user_id:, context: nil, integrations: nil, timestamp: nil, message_id: nil, source: nil)
      message = { type: "alias", previousId: previous_id }
      complete(message, user_id, nil, context, integrations, timestamp, message_id)
      take(message, source)
    end

    # Accepts a message that is already in Segment's form, with its names: "type", "userId" ...
    # @param message [Hash]
    # @param source [String, nil]
    # @return [true]
    def enqueue(message, source: nil)
      take(message, source)
    end

    # Sends what waits and returns when every message accepted before has its outcome, and callbacks have heard of it.
    # @param timeout [Numeric, nil] seconds; nil: close.timeout_ms
    # @return [Boolean] false: time is over and something is pending; it stays in the spool and goes on being sent
    # @raise [Error::Closed]
    def flush(timeout: nil)
      enter
      settle(timeout || @close_timeout)
    ensure
      @courier&.drain
    end

    # Flushes, hands over the last reports and stops, also when the wait is interrupted. What is still pending stays on
    # disk, and the next client on the directory sends it. A second close does nothing.
    # @param timeout [Numeric, nil] seconds; nil: close.timeout_ms
    # @return [Boolean] whether nothing is pending
    def close(timeout: nil)
      return settled? if @closed

      enter
      @closed = true
      BEGUN.delete(self)
      begin
        flush_and_report(timeout || @close_timeout)
      ensure
        done = Call.in_slices(Call.now, :segmo_client_close, @handle.pointer)
      end
      done
    end

    # @return [Boolean]
    def closed?
      @closed
    end

    # Counters: accepted, and per destination delivered, dead, pending, skipped by reason ... Also after {#close}.
    # @return [Hash{String => Object}]
    def stats
      enter
      counted = ::JSON.parse(Call.text(:segmo_client_stats_json, @handle.pointer))
      counted["callback_failures"] = @courier ? @courier.failures : 0
      counted
    end

    # Says what would happen to a message in Segment's form: each destination, its mode, why or why not. Queues nothing.
    # @param message [Hash]
    # @param source [String, nil]
    # @return [Hash{String => Object}]
    def explain(message, source: nil)
      enter
      json = Convert.json(message)
      ::JSON.parse(Call.text(:segmo_client_explain, @handle.pointer, source, json, json.bytesize))
    end

    # Accepts a MoEngage Streams payload as track and identify messages of an HTTP source.
    # @param payload [String, Hash] JSON, or what it says
    # @param source [String, nil]
    # @return [Hash{String => Object}] "events", "accepted", "skipped", "rejected"
    # @raise [Error::Full] not all of it fits: post it again, message ids repeat
    def import_streams(payload, source: nil)
      enter
      json = payload.is_a?(String) ? payload : Convert.json(payload)
      status, told = Call.status_and_text(:segmo_client_import_streams, @handle.pointer, source, json, json.bytesize)
      sync if status == SYNC_WANTED
      ::JSON.parse(told)
    end

    # Takes the oldest report. With callbacks given they get the reports, and this finds none.
    # @param timeout [Numeric] how many seconds to wait for one
    # @return [Report, nil]
    def poll(timeout: 0)
      deadline = Call.now + timeout
      loop do
        native = Call.pointer { |out| Call.checked(:segmo_client_poll, @handle.pointer, out, Call.slice_ms(deadline)) }
        return Report.take(native) unless native.null?
        return nil if Call.now >= deadline
      end
    end

    # @api private
    # At the end of the process: a bounded flush. A client that this process never used is left alone; one that is used
    # once more begins anew.
    # @param since [Float] when the end began, by the monotonic clock
    def leave(since)
      return unless @process == Process.pid

      flush_and_report([since + @close_timeout - Call.now, 0].max)
      @process = nil
    rescue Error
      nil # what is pending stays in the spool
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{@closed ? "closed" : "open"}>"
    end

    private

    SYNC_WANTED = Native::STATUS.fetch(:SEGMO_SYNC_WANTED)
    FULL = Native::STATUS.fetch(:SEGMO_ERR_FULL)
    private_constant :SYNC_WANTED, :FULL

    def initialize_copy(_other)
      raise TypeError, "a #{self.class} cannot be copied; share it, or open another one"
    end

    def open_native(options, file)
      Settings.with_config(options, file) do |config|
        @waits_for_room = Settings.get(config, "spool.when_full") == "block"
        @close_timeout = Settings.seconds(config, "close.timeout_ms")
        @closed = false
        Handle.new(Call.pointer { |out| Call.checked(:segmo_client_open, out, config) })
      end
    end

    # The first use in this process: after a fork the client is the child's own, and so is a courier.
    def enter
      return if @process == Process.pid

      @process = @handle.pid = Process.pid
      return if @closed

      @courier&.start
      Client.flush_at_exit(self)
    end

    def view(type, name, category, properties)
      message = { type: type }
      message[:name] = name if name
      message[:category] = category if category
      message[:properties] = properties if properties
      message
    end

    def complete(message, user_id, anonymous_id, context, integrations, timestamp, message_id)
      message[:userId] = user_id unless user_id.nil?
      message[:anonymousId] = anonymous_id unless anonymous_id.nil?
      message[:context] = context if context
      message[:integrations] = integrations if integrations
      message[:timestamp] = timestamp if timestamp
      message[:messageId] = message_id if message_id
    end

    def take(message, source)
      enter
      message = Context.complete(message)
      desk = Call::Desk.take
      accept(Convert.json(message, desk.json), source, desk.error)
    ensure
      desk&.give_back
    end

    # Called directly, not through Call: this is the call that every message makes.
    def accept(json, source, error)
      status = Native.segmo_client_enqueue(@handle.pointer, source, json, json.bytesize, error)
      return true if status.zero?
      return sync if status == SYNC_WANTED

      failure = Call.failure(status, error)
      raise failure unless status == FULL && @waits_for_room
      raise failure unless Call.in_slices(Call.now + Call::PATIENCE_S, :segmo_client_wait_room, @handle.pointer)

      accept(json, source, error)
    end

    def sync
      return true if Call.in_slices(Call.now + Call::PATIENCE_S, :segmo_client_sync, @handle.pointer)

      raise Error::Timeout.new("the message is accepted, and the disk did not confirm it within #{Call::PATIENCE_S} s; " \
                               "do not send it again")
    end

    def settled?
      stats["destinations"].each_value.all? { |counts| counts["pending"].zero? }
    end

    def settle(seconds)
      mark = FFI::MemoryPointer.new(:uint64)
      Call.checked(:segmo_client_mark, @handle.pointer, mark)
      Call.in_slices(Call.now + seconds, :segmo_client_flush_to, @handle.pointer, mark.read_uint64)
    end

    def flush_and_report(seconds)
      deadline = Call.now + seconds
      enter
      settle(seconds)
    ensure
      @courier&.stop([deadline - Call.now, Call::SLICE_S].max)
    end
  end
end
