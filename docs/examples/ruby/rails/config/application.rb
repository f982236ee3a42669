# frozen_string_literal: true

require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "active_job/railtie"
require "segmo" # after Rails; with a Gemfile, Bundler does it

module Shop
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = Rails.env.production?
    config.logger = ActiveSupport::Logger.new($stdout)
    config.active_job.queue_adapter = :async
    config.filter_parameters += %i[password token]
  end
end
