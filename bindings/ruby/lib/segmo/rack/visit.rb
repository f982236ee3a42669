# frozen_string_literal: true

require "ipaddr"

module Segmo
  module Rack
    # The members of messages made for one request. Reads it once, and only when a message is made.
    # @api private
    class Visit
      ANONYMOUS_ID_COOKIE = "ajs_anonymous_id" # of Segment's library for browsers
      LONGEST = 1024 # of what a stranger wrote, in characters: no request may make a message too large

      def initialize(env, user_id)
        @env = env
        @user_id = user_id
      end

      # @return [Hash{String => Object}] of userId, anonymousId and context those that are known
      def call
        @members ||= { "anonymousId" => anonymous_id, "context" => context }.compact
        user_id = @user_id&.call(@env)
        user_id.nil? ? @members : @members.merge("userId" => user_id)
      end

      private

      # Of clean text only: what strangers write raises nowhere.
      def request
        @request ||= ::Rack::Request.new(@env.transform_values { |value| value.instance_of?(String) ? clean(value) : value })
      end

      def context
        { "ip" => ip, "userAgent" => text(request.user_agent), "locale" => locale, "page" => page }.compact
      end

      def page
        search = filtered(request.query_string)
        search = "?#{search}" unless search.empty?
        { "path" => text(path), "search" => text(search), "url" => text("#{request.base_url}#{path}#{search}"),
          "referrer" => text(referrer) }.compact
      end

      # Without the parts that are parameters to be filtered, as in /reset/:token.
      def path
        parameters = filter ? @env.fetch("action_dispatch.request.path_parameters", {}) : {}
        parameters.reduce(request.path) do |path, (name, value)|
          shown = filter.filter(name.to_s => value).each_value.first
          shown == value || value.to_s.empty? ? path : path.gsub(::Rack::Utils.escape_path(value.to_s), shown.to_s)
        end
      end

      def referrer
        address, mark, query = request.referer.to_s.partition("?")
        "#{address}#{mark}#{filtered(query)}"
      end

      # The language that is liked best, as it is written there.
      def locale
        language, = ::Rack::Utils.q_values(request.get_header("HTTP_ACCEPT_LANGUAGE")).max_by { |_, quality| quality }
        text(language) unless language == "*"
      end

      # By the framework's rules about proxies. What is no address has been made up by somebody.
      def ip
        IPAddr.new((@env["action_dispatch.remote_ip"] || request.ip).to_s).to_s
      rescue IPAddr::Error, *spoofed
        nil
      end

      def spoofed
        defined?(::ActionDispatch::RemoteIp::IpSpoofAttackError) ? [::ActionDispatch::RemoteIp::IpSpoofAttackError] : []
      end

      def anonymous_id
        text(request.cookies[ANONYMOUS_ID_COOKIE])&.delete('"')
      end

      # A query without the values of the parameters that Rails' filter_parameters name.
      def filtered(query)
        return query unless filter

        query.gsub(/([^&;=]+)=([^&;]*)/) do
          name, value = Regexp.last_match.captures
          "#{name}=#{filter.filter(decoded(name) => value).each_value.first}"
        end
      end

      def filter
        @filter ||= @env["action_dispatch.parameter_filter"]&.then { |names| ::ActiveSupport::ParameterFilter.new(names) }
      end

      def decoded(name)
        clean(::Rack::Utils.unescape(name))
      rescue ArgumentError
        name
      end

      # nil where there is nothing.
      def text(bytes)
        clean(bytes)[0, LONGEST] unless bytes.nil? || bytes.empty?
      end

      # Servers hand over bytes.
      def clean(bytes)
        bytes.dup.force_encoding(Encoding::UTF_8).scrub
      end
    end
  end
end
