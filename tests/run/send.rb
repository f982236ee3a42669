# frozen_string_literal: true

# Sends the messages of an NDJSON file through the Ruby package; prints its counters. Options: SEGMO_... variables.
require "segmo"

ARGUMENTS = { "userId" => :user_id, "anonymousId" => :anonymous_id, "previousId" => :previous_id, "groupId" => :group_id,
           "messageId" => :message_id }.freeze

# The call that an application would have made.
def send_message(client, message)
  call = message.delete("type")
  client.public_send(call, **message.to_h { |name, value| [ARGUMENTS.fetch(name, name.to_sym), value] })
end

Segmo::Client.open(config: false) do |client|
  File.foreach(ARGV.fetch(0)) { |line| send_message(client, JSON.parse(line)) }
  abort "not everything was delivered within two minutes" unless client.flush(timeout: 120)
  puts JSON.generate(client.stats)
end
