# frozen_string_literal: true

module Segmo
  # Writes plain data as JSON: hashes with text or symbol keys, arrays, valid UTF-8, integers, finite floats, true, false,
  # nil and symbols, and no subclasses of them. Everything else has to be converted first.
  #
  # What is used is the compiled part of the gem (ext/segmo); where it cannot be, the methods here do the same.
  # @api private
  module Plain
    # Deeper data is refused by the library anyway; looking no deeper ends the search in a hash that holds itself.
    MAX_DEPTH = 64

    # Used where there is no compiled part.
    module InRuby
      SCALARS = [Integer, NilClass, TrueClass, FalseClass].to_h { |kind| [kind, true] }.compare_by_identity.freeze

      # Oj writes faster, where the host has loaded it; `compat` is the mode whose floats are exact.
      OJ_OPTIONS = { mode: :compat, float_precision: 0, escape_mode: :json }.freeze
      private_constant :SCALARS, :OJ_OPTIONS

      # @param value [Object]
      # @param out [String] is overwritten
      # @return [String, nil] `out`; nil: the value is not plain
      def write(value, out)
        return unless plain?(value, 0)

        out.replace(defined?(::Oj) ? ::Oj.dump(value, OJ_OPTIONS) : ::JSON.generate(value))
      end

      private

      def plain?(value, depth)
        return false unless ::Object === value # a BasicObject answers nothing

        kind = value.class
        return true if SCALARS[kind]
        return plain_text?(value) if kind == String
        return plain_number?(value) if kind == Float
        return plain_text?(value.to_s) if kind == Symbol
        return false if depth > MAX_DEPTH
        return value.all? { |key, inner| plain_key?(key) && plain?(inner, depth + 1) } if kind == Hash

        kind == Array && value.all? { |inner| plain?(inner, depth + 1) }
      end

      def plain_key?(key)
        key.class == Symbol || (key.class == String && plain_text?(key))
      end

      def plain_text?(text)
        text.ascii_only? || (text.encoding == Encoding::UTF_8 && text.valid_encoding?)
      end

      # Oj drops the sign of a zero.
      def plain_number?(number)
        number.finite? && !(number.zero? && 1 / number < 0)
      end
    end

    begin
      require "segmo/#{RbConfig::CONFIG["ruby_version"]}/plain_json"
    rescue LoadError
      extend InRuby
    end
  end
end
