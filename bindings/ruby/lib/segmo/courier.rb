# frozen_string_literal: true

module Segmo
  # Brings reports to the host's callbacks, on a Ruby thread of its own. The library itself never calls into Ruby.
  # @api private
  class Courier
    WAIT_S = 0.2

    # @return [Integer] how many callbacks raised
    attr_reader :failures

    def initialize(client, on_error, on_report, logger)
      @client = client
      @on_error = on_error
      @on_report = on_report
      @logger = logger
      @failures = 0
      start
    end

    # Also in a forked child, where threads are not.
    def start
      return if @thread&.alive?

      @stopping = false
      @thread = Thread.new { run }
      @thread.name = "segmo-reports"
    end

    # Hands over what still waits, then ends. A callback that hangs is not waited for longer than `seconds`.
    def stop(seconds)
      @stopping = true
      @thread.join(seconds) unless @thread == Thread.current
    end

    private

    def run
      loop do
        stopping = @stopping
        report = @client.poll(timeout: stopping ? 0 : WAIT_S)
        report ? hand_over(report) : (break if stopping)
      end
    end

    def hand_over(report)
      guarded { @on_report&.call(report) }
      guarded { @on_error&.call(report) } if report.error?
    end

    # Whatever a callback raises, the next report gets its turn.
    def guarded
      yield
    rescue Exception => e # rubocop:disable Lint/RescueException
      @failures += 1
      @logger&.error("segmo: a callback raised #{e.class}: #{e.message}")
    end
  end
end
