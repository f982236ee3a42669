# frozen_string_literal: true

Rails.application.configure do
  # Who the user of a request is; asked when a message is made that names none. With Devise:
  #   config.segmo.user_id = ->(request) { request.env["warden"]&.user&.id }
  config.segmo.user_id = ->(request) { request.session[:user_id] }

  # What went wrong and needs somebody: a message that is dead, a destination that stands still.
  config.segmo.on_error = ->(report) { Rails.logger.error("segmo: #{report.kind}: #{report.to_h.except("letter")}") }
end
