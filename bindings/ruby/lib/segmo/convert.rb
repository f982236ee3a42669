# frozen_string_literal: true

require "time"

module Segmo
  # Brings values of the host to JSON by the one table of docs/reference/conversion.md.
  #
  # Messages of plain data, by far the most, are written as they are. Others are copied first, value by value; what the
  # table does not name is refused with its class and its place.
  # @api private
  module Convert
    # The table: a class's name, so that nothing is loaded for its sake, and what becomes of its instances.
    RULES = {
      "NilClass" => :itself, "TrueClass" => :itself, "FalseClass" => :itself, "Integer" => :itself,
      "Float" => :float, "BigDecimal" => :decimal, "Rational" => :rational,
      "String" => :text, "Symbol" => :symbol,
      "Time" => :moment, "DateTime" => :date_time, "ActiveSupport::TimeWithZone" => :moment, "Date" => :date,
      "ActiveSupport::Duration" => :duration,
      "IPAddr" => :words, "Pathname" => :words, "URI::Generic" => :words,
      "Hash" => :object, "Array" => :list, "Set" => :list, "Struct" => :record, "Data" => :record,
      "ActiveRecord::Base" => :model
    }.freeze

    # Rules whose result may stand as a key.
    KEY_RULES = %i[itself float decimal rational text symbol moment date_time date words].freeze

    # What a double holds; readers of JSON take a larger number for infinity.
    LARGEST_EXPONENT = 308

    # Text that is JSON already: a number with more digits than a float has.
    Digits = Struct.new(:text) do
      def to_json(*)
        text
      end
      alias_method :to_s, :text
    end

    CLASS = Kernel.instance_method(:class)

    private_constant :RULES, :KEY_RULES, :LARGEST_EXPONENT, :Digits, :CLASS

    class << self
      # @param message [Hash]
      # @param out [String] is overwritten
      # @return [String] `out`, with the message as JSON
      # @raise [Error::Invalid] for a value that the table does not name, with its place
      def json(message, out = String.new(encoding: Encoding::UTF_8))
        Plain.write(message, out) || out.replace(::JSON.generate(value(message, [])))
      end

      # @return [String] a moment as messages carry it: ISO 8601, its own offset, six digits of fraction or none
      def moment(time, _path = nil)
        time.utc_offset.zero? ? time.getutc.strftime("#{format_of(time)}Z") : time.strftime("#{format_of(time)}%:z")
      end

      private

      def value(value, path)
        refuse(path, "is nested deeper than #{Plain::MAX_DEPTH} levels") if path.length > Plain::MAX_DEPTH
        kind = class_of(value)
        send(rule_of(kind) || refuse_class(kind, path), value, path)
      end

      # What stands in for another object answers for that one. A BasicObject may have no answer, and a Struct with a
      # member of that name another one.
      def class_of(value)
        kind = value.class
        Class === kind ? kind : CLASS.bind_call(value)
      rescue NoMethodError, ArgumentError
        CLASS.bind_call(value)
      end

      def rule_of(kind)
        kind.ancestors.each { |ancestor| RULES[ancestor.to_s]&.then { |rule| return rule } }
        nil
      end

      def inside(path, key)
        path.push(key)
        yield
      ensure
        path.pop
      end

      def itself(value, _path)
        value
      end

      def float(value, path)
        refuse(path, "is #{value}, which JSON has not; send nil or leave it out") unless value.finite?
        value.zero? ? Digits.new(value.to_s) : value # Oj, also in JSON's place, drops the sign of a zero
      end

      def decimal(value, path)
        unless value.finite? && value.exponent <= LARGEST_EXPONENT
          refuse(path, "is a BigDecimal that is infinite, no number or too large for JSON")
        end

        Digits.new(value.zero? ? "0" : value.to_s("F").sub(/\.?0+\z/, ""))
      end

      def rational(value, path)
        float(value.to_f, path)
      end

      def text(value, path)
        bytes = String.new(value)
        utf8 = bytes.encoding == Encoding::BINARY ? bytes.force_encoding(Encoding::UTF_8) : bytes.encode(Encoding::UTF_8)
        utf8.valid_encoding? ? utf8 : refuse(path, "is not valid #{value.encoding}, or is binary data; encode it as text")
      rescue EncodingError
        refuse(path, "cannot be brought from #{value.encoding} to UTF-8; send it as UTF-8")
      end

      def symbol(value, path)
        text(value.to_s, path)
      end

      def date_time(value, _path)
        moment(value.to_time.localtime(value.offset * 86_400))
      end

      def format_of(time)
        time.nsec < 1000 ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M:%S.%6N"
      end

      def date(value, _path)
        value.strftime("%Y-%m-%d")
      end

      def duration(value, _path)
        seconds = value.to_f
        seconds == seconds.to_i ? seconds.to_i : seconds
      end

      def words(value, path)
        text(value.to_s, path)
      end

      def object(value, path)
        value.each_with_object({}) do |(key, inner), object|
          name = key_text(key, path)
          refuse(path, "has two keys that are #{name.inspect} in JSON") if object.key?(name)
          object[name] = inside(path, name) { value(inner, path) }
        end
      end

      def key_text(key, path)
        kind = class_of(key)
        rule = rule_of(kind)
        refuse(path, "has a key of class #{kind}; use a String or a Symbol") unless KEY_RULES.include?(rule)
        key.nil? ? "null" : send(rule, key, path).to_s
      end

      def list(value, path)
        value.each_with_index.map { |inner, index| inside(path, index) { value(inner, path) } }
      end

      def record(value, path)
        object(value.to_h, path)
      end

      def model(value, path)
        value.id.nil? ? refuse(path, "is a #{value.class} that is not saved yet; save it first") : value(value.id, path)
      end

      def refuse_class(kind, path)
        refuse(path, "is of class #{kind}, which has no form in JSON; convert it to text, a number, a Hash or an Array")
      end

      def refuse(path, words)
        field = path.map { |key| "/#{key.to_s.gsub("~", "~0").gsub("/", "~1")}" }.join
        raise Error::Invalid.new("#{field} #{words}", field: field)
      end
    end
  end
end
