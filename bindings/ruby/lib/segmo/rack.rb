# frozen_string_literal: true

require "rack"

module Segmo
  # For Rack applications, in Rails or without: request context for messages, and the address of the campaign export.
  module Rack
    autoload :RequestContext, "segmo/rack/request_context"
    autoload :CampaignExport, "segmo/rack/campaign_export"
  end
end
