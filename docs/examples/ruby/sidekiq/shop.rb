# frozen_string_literal: true

# Jobs that know who enqueued them.
#
#   segmo sandbox --port 8099 &
#   redis-server &
#   export SEGMO_SEGMENT_WRITE_KEY=development SEGMO_SEGMENT_HOST=http://127.0.0.1:8099
#   sidekiq -r ./shop.rb &
#   ruby order.rb user-1 9.99
#   curl http://127.0.0.1:8099/messages
require "sidekiq"
require "segmo" # after Sidekiq

class ReceiptJob
  include Sidekiq::Worker

  def perform(total)
    Segmo.client.track(event: "Receipt Sent", properties: { total: total })
  end
end
