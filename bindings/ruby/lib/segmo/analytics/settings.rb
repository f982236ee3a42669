# frozen_string_literal: true

module Segmo
  class Analytics
    # The options of analytics-ruby as options of {Segmo::Client}; options of segmo's own pass through.
    # @api private
    module Settings
      ELSEWHERE = %i[on_error max_queue_size stub test].freeze
      MAX_BATCH_SIZE = 2500
      ROUTES = %r{/v1/(?:import|batch)/?\z}
      private_constant :ELSEWHERE, :MAX_BATCH_SIZE, :ROUTES

      module_function

      # @param given [Hash{Symbol => Object}]
      # @return [Hash{Symbol => Object}]
      def for_client(given)
        own, others = given.partition { |name, _| Segmo::Settings.known?(name) }.map(&:to_h)
        settings = own.merge(reports_attempts: true)
        settings[:segment_write_key] = others[:write_key] unless others[:write_key].nil?
        settings[:delivery_flush_at] = [others[:batch_size], MAX_BATCH_SIZE].min if others[:batch_size]
        settings[:delivery_max_attempts] = others[:retries] + 1 if others[:retries]
        settings.merge(address(others), pauses(others[:backoff_policy])).tap { told(others) }
      end

      # Only where one of its parts is given: else the environment or the settings file may say where.
      def address(given)
        return {} if given.values_at(:host, :port, :ssl, :path).all?(&:nil?)

        plain = given[:ssl] == false
        host = (given[:host] || Defaults::Request::HOST).to_s
        host = "#{plain ? "http" : "https"}://#{host}#{":#{given[:port]}" if given[:port]}" unless host.include?("://")
        { segment_host: host + prefix(given[:path] || Defaults::Request::PATH) }
          .tap { |settings| settings[:delivery_allow_plain_http] = true if plain }
      end

      def prefix(path)
        return path.sub(ROUTES, "") if path.match?(ROUTES)

        raise ArgumentError, "path #{path} is none that segmo can post to; let it end in #{Defaults::Request::PATH}"
      end

      def pauses(policy)
        return {} unless policy.is_a?(BackoffPolicy)

        { delivery_backoff_base_ms: policy.min_timeout_ms.ceil, delivery_backoff_cap_ms: policy.max_timeout_ms.ceil }
      end

      def told(given)
        known = ELSEWHERE + %i[write_key batch_size retries host port ssl path]
        known << :backoff_policy if given[:backoff_policy].is_a?(BackoffPolicy)
        unused = given.compact.keys - known
        Logging.logger.warn("options without an effect: #{unused.join(", ")}") if unused.any?
      end
    end
  end
end
