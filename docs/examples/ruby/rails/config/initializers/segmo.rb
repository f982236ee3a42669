# frozen_string_literal: true

Rails.application.configure do
  config.segmo.user_id = ->(request) { request.session[:user_id] }
end

ActiveSupport::Notifications.subscribe("deliver.segmo") do |_name, _start, _finish, _id, report|
  Rails.logger.info("segmo: delivered #{report}")
end

ActiveSupport::Notifications.subscribe("dead.segmo") do |_name, _start, _finish, _id, report|
  Rails.logger.error("segmo: not deliverable: #{report.except("letter")}")
end
