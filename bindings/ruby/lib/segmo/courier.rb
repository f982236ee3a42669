# frozen_string_literal: true

module Segmo
  # Brings reports to the host's callbacks, on a Ruby thread of its own. The library itself never calls into Ruby.
  # @api private
  class Courier
    WAIT_S = 0.1
    HANG_S = 5 # a callback that takes longer is not waited for

    # @return [Integer] how many callbacks raised
    attr_reader :failures

    def initialize(client, on_error, on_report, logger)
      @client = client
      @on_error = on_error
      @on_report = on_report
      @logger = logger
      @failures = 0
      @lock = Mutex.new
      @emptied = ConditionVariable.new
      start
    end

    # Also in a forked child, where threads are not.
    def start
      return if @thread&.alive?

      @stopping = false
      @empty_count = 0
      @thread = Thread.new { run }
      @thread.name = "segmo-reports"
    end

    # Waits until the reports there are by now have been handed over.
    def drain
      return if @thread == Thread.current

      deadline = Call.now + HANG_S
      @lock.synchronize do
        seen = @empty_count
        @emptied.wait(@lock, WAIT_S) while @empty_count == seen && @thread.alive? && Call.now < deadline
      end
    rescue ThreadError
      nil # in a signal handler, which can take no lock
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
        report ? hand_over(report) : empty
        break if stopping && !report
      end
    end

    def empty
      @lock.synchronize do
        @empty_count += 1
        @emptied.broadcast
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
      complain(e)
    end

    def complain(failure)
      @logger&.error("segmo: a callback raised #{failure.class}: #{failure.message}")
    rescue Exception # rubocop:disable Lint/RescueException
      nil # the logger fails, too: the counter says it
    end
  end
end
