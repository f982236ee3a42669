# frozen_string_literal: true

module Segmo
  # Tells data that JSON can write as it is from data that has to be converted first.
  # @api private
  module Plain
    # Deeper data is refused by the library anyway; looking no deeper ends the search in a hash that holds itself.
    MAX_DEPTH = 64

    begin
      require "segmo/#{RbConfig::CONFIG["ruby_version"]}/plain_native"
    rescue LoadError
      # Without the compiled one the same answer takes longer.
      SCALARS = [Integer, NilClass, TrueClass, FalseClass].to_h { |kind| [kind, true] }.compare_by_identity.freeze
      private_constant :SCALARS

      class << self
        # @return [Boolean] true: only hashes with text or symbol keys, arrays, valid UTF-8 strings, integers, finite
        #   floats but -0.0 (whose sign Oj drops), true, false and nil; no subclasses of them
        def plain?(value, depth = 0)
          kind = value.class
          return true if SCALARS[kind]
          return plain_text?(value) if kind == String
          return plain_number?(value) if kind == Float
          return false if depth > MAX_DEPTH
          return value.all? { |key, inner| plain_key?(key) && plain?(inner, depth + 1) } if kind == Hash

          kind == Array && value.all? { |inner| plain?(inner, depth + 1) }
        end

        private

        def plain_key?(key)
          key.class == Symbol || (key.class == String && plain_text?(key))
        end

        def plain_text?(text)
          text.ascii_only? || (text.encoding == Encoding::UTF_8 && text.valid_encoding?)
        end

        def plain_number?(number)
          number.finite? && !(number.zero? && 1 / number < 0)
        end
      end
    end
  end
end
