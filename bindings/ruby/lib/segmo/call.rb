# frozen_string_literal: true

module Segmo
  # How a native function is called: failures become exceptions, what was handed out is copied and freed.
  # @api private
  module Call
    # Blocking calls come back this often, so that Ctrl-C, Thread#kill and Timeout work.
    SLICE_S = 0.1

    # What the calls of one thread, or fiber, use again and again: places for errors and results, a message as JSON.
    class Slots
      attr_reader :json, :error, :out, :length

      def initialize
        @json = String.new(capacity: 4096, encoding: Encoding::UTF_8)
        @error = FFI::MemoryPointer.new(:pointer)
        @out = FFI::MemoryPointer.new(:pointer)
        @length = FFI::MemoryPointer.new(:size_t)
      end

      # The exception for a call that failed. The slot is emptied: the library frees an error that it finds there.
      def take_error(status)
        native = @error.read_pointer
        @error.write_pointer(nil)
        Error.from_native(status, native)
      end

      # The text that a function left in `out`; the native copy is freed.
      def take_text
        native = @out.read_pointer
        read_text(native)
      ensure
        Native.segmo_free(native)
      end

      # The text at a pointer whose length a function left in `length`.
      def read_text(native)
        native.read_bytes(@length.get(:size_t, 0)).force_encoding(Encoding::UTF_8)
      end
    end

    # How long a message waits for a disk that syncs or a spool that gets room.
    PATIENCE_S = 30

    module_function

    def slots
      Thread.current[:segmo_slots] ||= Slots.new
    end

    # Calls a function whose last argument is the error.
    # @return [Integer] the status, SEGMO_OK or a positive one
    # @raise [Error]
    def checked(function, *arguments)
      status = Native.public_send(function, *arguments, slots.error)
      status.negative? ? raise(slots.take_error(status)) : status
    end

    # Calls a function whose last arguments are `out`, `out_len` and the error.
    # @return [Array(Integer, String)] the status and what came out, in UTF-8
    def status_and_text(function, *arguments)
      [checked(function, *arguments, slots.out, slots.length), slots.take_text]
    end

    # @return [String] what came out, in UTF-8
    def text(function, *arguments)
      status_and_text(function, *arguments).last
    end

    # Calls a blocking function in slices until it has done its work or the time is over.
    # @param deadline [Float] by the monotonic clock
    # @return [Boolean] whether it has done its work
    # @raise [Error] but not {Error::Timeout}
    def in_slices(deadline, function, *arguments)
      checked(function, *arguments, slice_ms(deadline))
      true
    rescue Error::Timeout
      now >= deadline ? false : retry
    end

    def slice_ms(deadline)
      ((deadline - now).clamp(0, SLICE_S) * 1000).ceil
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
