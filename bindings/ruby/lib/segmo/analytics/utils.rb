# frozen_string_literal: true

require "date"
require "securerandom"

module Segmo
  class Analytics
    # Keys, dates and ids.
    module Utils
      module_function

      # @return [Hash] a new one
      def symbolize_keys(hash)
        hash.to_hash.transform_keys(&:to_sym)
      end

      # @return [Hash] the same one, changed
      def symbolize_keys!(hash)
        hash.replace(symbolize_keys(hash))
      end

      # @return [Hash] a new one
      def stringify_keys(hash)
        hash.to_hash.transform_keys(&:to_s)
      end

      # @return [Hash] a new one, its own dates and times as ISO 8601 text
      def isoify_dates(hash)
        hash.transform_values { |value| datetime_in_iso8601(value) }
      end

      # @return [Hash] the same one, changed
      def isoify_dates!(hash)
        hash.replace(isoify_dates(hash))
      end

      # @return [String] a new random UUID
      def uid
        SecureRandom.uuid
      end

      # @return [Object] ISO 8601 text for a Time, DateTime or Date, else what was given
      def datetime_in_iso8601(value)
        case value
        when Time then time_in_iso8601(value)
        when Date then value.is_a?(DateTime) ? time_in_iso8601(value.to_time) : date_in_iso8601(value)
        else value
        end
      end

      # @return [String] with milliseconds, and `Z` for UTC
      def time_in_iso8601(time)
        time.strftime(time.utc? ? "%Y-%m-%dT%H:%M:%S.%LZ" : "%Y-%m-%dT%H:%M:%S.%L%:z")
      end

      # @return [String]
      def date_in_iso8601(date)
        date.strftime("%Y-%m-%d")
      end
    end
  end
end
