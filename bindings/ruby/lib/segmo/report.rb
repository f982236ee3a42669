# frozen_string_literal: true

module Segmo
  # What the library tells about outcomes: dead letters, pauses, warnings, changed settings and, when asked for, every
  # delivered batch and every attempt.
  class Report
    KINDS = Native::REPORT_KIND.to_h do |name, number|
      [number, name.to_s.delete_prefix("SEGMO_REPORT_").downcase.to_sym]
    end.freeze
    private_constant :KINDS

    # @return [Symbol] :delivered, :dead, :skipped, :warning, :paused, :resumed, :settings, :spool, :attempt or :log
    attr_reader :kind

    # @return [Hash{String => Object}] its members, for example "destination" and "reason"
    attr_reader :to_h

    # @api private
    # @param native [FFI::Pointer] a segmo_report; it is freed
    def self.take(native)
      length = FFI::MemoryPointer.new(:size_t)
      text = Native.segmo_report_json(native, length)
      new(KINDS.fetch(Native.segmo_report_kind(native), :unknown),
          ::JSON.parse(Call.text_at(text, length)))
    ensure
      Native.segmo_report_free(native)
    end

    # @api private
    def initialize(kind, members)
      @kind = kind
      @to_h = members
    end

    # @param name [String, Symbol]
    # @return [Object, nil] the member of that name
    def [](name)
      @to_h[name.to_s]
    end

    # @return [Boolean] whether it is for on_error: a message is dead, a destination stands still, changed settings were
    #   refused, or the spool is in trouble
    def error?
      %i[dead paused spool].include?(kind) || self["code"] == "refused"
    end
  end
end
