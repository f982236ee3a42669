# frozen_string_literal: true

module Segmo
  # What went wrong in a call; the message also says what to do. Nothing was queued by a call that raises.
  #
  # There is one class for each status of the library: {Invalid}, {Option}, {JSON}, {TooLarge}, {Full}, {Timeout},
  # {Closed}, {IO}, {Memory}, {NotFound} and {Unsupported}.
  class Error < StandardError
    # @return [String] where: a JSON pointer into the message ("/properties/price") or an option's name; "" if neither
    attr_reader :field

    # @param message [String]
    # @param field [String]
    # @param retryable [Boolean]
    def initialize(message = nil, field: "", retryable: false)
      super(message)
      @field = field
      @retryable = retryable
    end

    # @return [Boolean] whether the same call may succeed later without a change
    def retryable?
      @retryable
    end

    # @return [Integer] the library's number for it
    def status
      Native::STATUS.fetch(self.class::STATUS_NAME)
    end

    # An argument or a message breaks a rule; {#field} names it.
    class Invalid < Error
      STATUS_NAME = :SEGMO_ERR_INVALID
    end

    # An option is unknown, malformed or contradicts another; {#field} is its name.
    class Option < Error
      STATUS_NAME = :SEGMO_ERR_OPTION
    end

    # The text is not the JSON that is accepted here.
    class JSON < Error
      STATUS_NAME = :SEGMO_ERR_JSON
    end

    # A message or a body is over its limit.
    class TooLarge < Error
      STATUS_NAME = :SEGMO_ERR_TOO_LARGE
    end

    # The spool has no room; the message was not accepted. Retryable.
    class Full < Error
      STATUS_NAME = :SEGMO_ERR_FULL
    end

    # The time given was over before the work was done. What is pending stays in the spool.
    class Timeout < Error
      STATUS_NAME = :SEGMO_ERR_TIMEOUT
    end

    # The client was closed.
    class Closed < Error
      STATUS_NAME = :SEGMO_ERR_CLOSED
    end

    # A file or directory could not be used.
    class IO < Error
      STATUS_NAME = :SEGMO_ERR_IO
    end

    # Memory ran out.
    class Memory < Error
      STATUS_NAME = :SEGMO_ERR_MEMORY
    end

    # Nothing has that name or id.
    class NotFound < Error
      STATUS_NAME = :SEGMO_ERR_NOT_FOUND
    end

    # This build or this mode cannot do that.
    class Unsupported < Error
      STATUS_NAME = :SEGMO_ERR_UNSUPPORTED
    end

    BY_NAME = constants.map { |name| const_get(name) }.to_h { |kind| [kind::STATUS_NAME.to_s, kind] }.freeze
    private_constant :BY_NAME

    # The exception for a failed call. Frees the native error.
    # @api private
    # @param status [Integer]
    # @param native [FFI::Pointer] a segmo_error, or a null pointer
    # @return [Error]
    def self.from_native(status, native)
      kind = BY_NAME.fetch(Native.segmo_status_name(status), self)
      kind.new(Native.segmo_error_message(native).force_encoding(Encoding::UTF_8),
               field: Native.segmo_error_field(native).force_encoding(Encoding::UTF_8),
               retryable: Native.segmo_error_retryable(native) == 1)
    ensure
      Native.segmo_error_free(native)
    end
  end
end
