# frozen_string_literal: true

module Segmo
  # How a native function is called: failures become exceptions, what was handed out is copied and freed.
  # @api private
  module Call
    # Blocking calls come back this often, so that Ctrl-C, Thread#kill and Timeout work.
    SLICE_S = 0.1

    # What an accepting call works with: the message as JSON, and a place for the error. A thread, or fiber, keeps its desk
    # from call to call; a signal handler that comes in between, and accepts a message itself, gets another.
    class Desk
      LARGEST = 1 << 20 # bytes; the room of a larger message is given back
      private_constant :LARGEST

      attr_reader :json, :error

      def self.take
        thread = Thread.current
        desk = thread[:segmo_desk]
        thread[:segmo_desk] = nil
        desk || new
      end

      def initialize
        @json = String.new(capacity: 4096, encoding: Encoding::UTF_8)
        @error = FFI::MemoryPointer.new(:pointer)
      end

      def give_back
        Thread.current[:segmo_desk] = self if @json.bytesize <= LARGEST
      end
    end

    # How long a message waits for a disk that syncs or a spool that gets room.
    PATIENCE_S = 30

    module_function

    # Calls a function whose last argument is the error.
    # @return [Integer] the status, SEGMO_OK or a positive one
    # @raise [Error]
    def checked(function, *arguments)
      error = FFI::MemoryPointer.new(:pointer)
      status = Native.public_send(function, *arguments, error)
      status.negative? ? raise(failure(status, error)) : status
    end

    # The exception for a call that failed. Its place is emptied: the library frees an error that it finds there.
    def failure(status, error)
      native = error.read_pointer
      error.write_pointer(nil)
      Error.from_native(status, native)
    end

    # Yields a place for a pointer.
    # @return [FFI::Pointer] what was put there
    def pointer
      out = FFI::MemoryPointer.new(:pointer)
      yield out
      out.read_pointer
    end

    # Calls a function whose last arguments are `out`, `out_len` and the error.
    # @return [Array(Integer, String)] the status and what came out, in UTF-8; the native copy is freed
    def status_and_text(function, *arguments)
      status = length = nil
      native = pointer do |out|
        length = FFI::MemoryPointer.new(:size_t)
        status = checked(function, *arguments, out, length)
      end
      [status, text_at(native, length)]
    ensure
      Native.segmo_free(native)
    end

    # @return [String] what came out, in UTF-8
    def text(function, *arguments)
      status_and_text(function, *arguments).last
    end

    # @param length [FFI::MemoryPointer] to a size_t
    def text_at(native, length)
      native.read_bytes(length.get(:size_t, 0)).force_encoding(Encoding::UTF_8)
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
