# frozen_string_literal: true

require "set"

module Segmo
  class Analytics
    # A copy of a message that was refused, with what JSON has not in a form that can be sent: no number as nil, bytes
    # that are no text as U+FFFD, an unknown object as what its to_s says, of two keys with the same text the later one.
    # What cannot be mended, such as a Hash that holds itself, raises.
    # @api private
    module Mending
      module_function

      def mend(value, depth = 0)
        raise Error::Invalid, "a value is nested deeper than #{Plain::MAX_DEPTH} levels" if depth > Plain::MAX_DEPTH

        case value
        when Hash then value.to_h { |key, inner| [text(key.to_s), mend(inner, depth + 1)] }
        when Array, Set then value.map { |inner| mend(inner, depth + 1) }
        when Struct then mend(value.to_h, depth + 1)
        when String, Symbol then text(value.to_s)
        when Numeric then number(value)
        else known?(value) ? value : text(value.to_s)
        end
      end

      def number(value)
        return nil unless value.finite?

        known?(value) ? value : value.to_s
      end

      def text(value)
        copy = String.new(value)
        copy.force_encoding(Encoding::UTF_8) if copy.encoding == Encoding::BINARY
        copy.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: "\uFFFD").scrub("\uFFFD")
      end

      def known?(value)
        Convert.json([value])
        true
      rescue Error::Invalid
        false
      end
    end
  end
end
