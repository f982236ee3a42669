# frozen_string_literal: true

require "tmpdir"
require_relative "../segmo"

module Segmo
  # For tests of applications: what would be sent is checked as always, and recorded instead.
  #
  # @example
  #   require "segmo/testing"
  #   Segmo::Testing.fake!
  #   client.track(user_id: "u1", event: "Order Completed")
  #   Segmo::Testing.messages # => [{ "type" => "track", "event" => "Order Completed", "userId" => "u1" }]
  module Testing
    Sent = Struct.new(:client, :message)
    IDS = %w[userId anonymousId groupId previousId].freeze
    private_constant :Sent, :IDS

    @sent = []
    @lock = Mutex.new

    class << self
      # From now on no client of this process sends; those that are opened need neither keys nor a directory.
      # With a block: only inside it.
      def fake!
        before = @fake
        @fake = true
        return self unless block_given?

        begin
          yield
        ensure
          @fake = before
        end
      end

      # Back to sending.
      def real!
        @fake = false
        self
      end

      # @return [Boolean]
      def fake?
        @fake ? true : false
      end

      # @param client [Client, nil] nil: of all clients
      # @return [Array<Hash>] the messages so far, in Segment's form, with text keys
      def messages(client = nil)
        @lock.synchronize { @sent.select { |sent| client.nil? || sent.client.equal?(client) }.map(&:message) }
      end

      # Forgets what was recorded: for before each test.
      def clear
        @lock.synchronize { @sent.clear }
        self
      end

      # @api private
      def record(client, message)
        IDS.each { |name| message[name] = message[name].to_s if message[name].is_a?(Integer) } # as the library does
        @lock.synchronize { @sent << Sent.new(client, message) }
        true
      end
    end

    # What a client does otherwise while {Testing.fake?}.
    module Fake
      private

      # Whatever directory the application is set up for, it is not touched.
      def open_native(options, file)
        return super unless Testing.fake?

        Dir.mktmpdir("segmo-fake") do |directory|
          super(options.merge(delivery_enabled: false, spool_memory_only: false, spool_dir: directory), file)
        end
      end

      # Explaining refuses what accepting would refuse, and keeps nothing.
      def accept(json, source, error)
        return super unless Testing.fake?

        Call.text(:segmo_client_explain, @handle.pointer, source, json, json.bytesize)
        Testing.record(self, ::JSON.parse(json))
      end
    end
    private_constant :Fake

    Client.prepend(Fake)

    # What a test expects to have been sent, compared with what was.
    # @api private
    class Expectation
      # @param type [String] "track" or "identify" ...
      # @param event [String, nil] of a track call
      # @param matches [#call] how a wanted value is compared with the one that was sent
      def initialize(type, event, matches)
        @type = type
        @event = event
        @matches = matches
        @wanted = {}
      end

      # @param name [String] in the message: "userId", "properties" ...
      def want(name, value)
        @wanted[name] = name.end_with?("Id") && !value.nil? ? value_as_text(value) : with_text_keys(value)
        self
      end

      # @return [Array<Hash>] of the messages, those that fit
      def fitting(messages)
        messages.select { |message| same_call?(message) && differences(message).empty? }
      end

      # @return [String] what is expected, in words
      def to_s
        of = @wanted.map { |name, value| "#{name} #{described(value)}" }
        [call_of(@type, @event), *(of.empty? ? nil : "with #{of.join(" and ")}")].compact.join(" ")
      end

      # @return [String] what was sent instead, one message a line, with what differs
      def told(messages)
        return "nothing was sent" if messages.empty?

        ["what was sent:", *messages.map { |message| "  #{line(message)}" }].join("\n")
      end

      private

      def same_call?(message)
        message["type"] == @type && (@event.nil? || @matches.call(@event, message["event"]))
      end

      def differences(message)
        @wanted.reject { |name, value| @matches.call(value, message[name]) }.keys
      end

      def line(message)
        rest = message.reject { |name, _| name == "type" || name == "event" }
        other = same_call?(message) ? differences(message) : []
        "#{call_of(message["type"], message["event"])} #{::JSON.generate(rest)}#{" <- other #{other.join(", ")}" if other.any?}"
      end

      def call_of(type, event)
        event ? "#{type} #{described(event)}" : type
      end

      def described(value)
        value.respond_to?(:description) ? value.description : value.inspect
      end

      def value_as_text(value)
        value.is_a?(Integer) || value.is_a?(Symbol) ? value.to_s : value
      end

      # As JSON has them; matchers among the values stay what they are.
      def with_text_keys(value)
        case value
        when Hash then value.to_h { |key, inner| [key.to_s, with_text_keys(inner)] }
        when Array then value.map { |inner| with_text_keys(inner) }
        when Symbol then value.to_s
        else value
        end
      end
    end
  end
end
