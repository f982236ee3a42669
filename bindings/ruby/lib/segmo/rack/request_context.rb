# frozen_string_literal: true

require_relative "visit"

module Segmo
  module Rack
    # Middleware: calls made while the application answers get ip, userAgent, locale and page in their context.
    #
    #   use Segmo::Rack::RequestContext, user_id: ->(env) { env["rack.session"]["user_id"] }
    #
    # The anonymous id is that of Segment's library for browsers, from its cookie. Query parameters that the Rails
    # application filters from its logs are filtered here too.
    class RequestContext
      # @param app [#call]
      # @param user_id [#call, nil] of an env: the id of the user, or nil. Asked when a message needs it, not before
      def initialize(app, user_id: nil)
        @app = app
        @user_id = user_id
      end

      # Ends when the server closes the body, since that may be made while it is sent.
      def call(env)
        before = Context.carry(Visit.new(env, @user_id))
        status, headers, body = @app.call(env)
        answered = [status, headers, ::Rack::BodyProxy.new(body) { Context.carry(before) }]
      ensure
        Context.carry(before) unless answered
      end
    end
  end
end
