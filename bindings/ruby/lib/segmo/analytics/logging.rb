# frozen_string_literal: true

require "logger"

module Segmo
  class Analytics
    # Puts a prefix before what it passes on to a logger.
    class PrefixedLogger
      # @param logger [Logger]
      # @param prefix [String]
      def initialize(logger, prefix)
        @logger = logger
        @prefix = prefix
      end

      %i[debug info warn error].each do |level|
        define_method(level) { |message| @logger.public_send(level, "#{@prefix} #{message}") }
      end
    end

    # The one logger of the drop-in: what was set, else Rails' own, else none that is heard.
    module Logging
      PREFIX = "[segmo]"
      SILENT = Logger.new(nil)
      private_constant :PREFIX, :SILENT

      class << self
        # @param logger [Logger, nil] anything with debug, info, warn and error; nil: back to the default
        attr_writer :logger

        # @return [Logger, PrefixedLogger]
        def logger
          @logger || PrefixedLogger.new((defined?(::Rails.logger) && ::Rails.logger) || SILENT, PREFIX)
        end

        # @api private
        def included(base)
          base.extend(self::Reader)
        end
      end

      # For the class itself, too.
      module Reader
        # @return [Logger, PrefixedLogger]
        def logger
          Logging.logger
        end
      end

      include Reader
    end
  end
end
