# frozen_string_literal: true

# A Rack application without a framework.
#
#   segmo sandbox --port 8099 &
#   SEGMO_SEGMENT_WRITE_KEY=development SEGMO_SEGMENT_HOST=http://127.0.0.1:8099 EXPORT_SECRET=s3cret puma
#   curl http://127.0.0.1:9292/pricing?user=user-1
#   curl http://127.0.0.1:8099/messages
require "segmo"

use Segmo::Rack::RequestContext, user_id: ->(env) { Rack::Request.new(env).params["user"] }

map "/moengage/export" do
  run Segmo::Rack::CampaignExport.new(secrets: ENV.fetch("EXPORT_SECRET"))
end

map "/" do
  run(lambda do |env|
    Segmo.client.page(name: env["PATH_INFO"]) # whose and from where: the request says it
    [200, { "content-type" => "text/plain" }, ["seen\n"]]
  end)
end
