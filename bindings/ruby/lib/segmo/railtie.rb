# frozen_string_literal: true

require "rails/railtie"

module Segmo
  # Rails' settings for {Segmo.client}, request context for its messages, and context for its jobs.
  #
  # Options come from `config.segmo`, else the credentials' `segmo:`, else the environment, else config/segmo.yml.
  class Railtie < ::Rails::Railtie
    # What config.segmo holds beside the options of docs/reference/options.md.
    OWN = %i[user_id on_error on_report logger].freeze
    private_constant :OWN

    config.segmo = ::ActiveSupport::OrderedOptions.new

    initializer "segmo.request_context" do |app|
      app.middleware.use Rack::RequestContext, user_id: lambda { |env|
        app.config.segmo.user_id&.call(::ActionDispatch::Request.new(env))
      }
    end

    initializer "segmo.jobs" do
      require_relative "active_job" if defined?(::ActiveJob)
      require_relative "sidekiq" if defined?(::Sidekiq)
    end

    # At start, not at the first message: an option that is none would be found out too late.
    initializer "segmo.client", after: :load_config_initializers do |app|
      Settings.with_config(Railtie.options(app), Railtie.file(app)) { nil }
      Segmo.open_client_by { Railtie.open_client(app) }
    end

    class << self
      # @api private
      def open_client(app)
        require_relative "notifications"
        said = app.config.segmo
        Client.new(Notifications.options.merge(options(app)),
                   config: file(app), on_error: said.on_error, logger: said.logger || ::Rails.logger,
                   on_report: ->(report) { tell(report, said.on_report) })
      end

      # @api private
      def options(app)
        Settings.named(app.credentials.segmo.to_h).merge(Settings.named(app.config.segmo.to_h.except(*OWN)))
      end

      # @api private
      def file(app)
        Settings.named_by_environment || app.root.join(Settings::DEFAULT_FILE).then { |path| path.exist? && path.to_s }
      end

      private

      def tell(report, on_report)
        Notifications.publish(report)
      ensure
        on_report&.call(report)
      end
    end
  end
end
