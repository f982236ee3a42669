# frozen_string_literal: true

# The Ruby package's part of run.py: sends the messages of a file, one a line, and prints the client's counters.
#
#     send.rb FILE NAME=VALUE...       options by their dotted names
require "segmo"

file, *options = ARGV
client = Segmo::Client.new(options.to_h { |option| option.split("=", 2) }, config: false)
File.foreach(file) { |line| client.enqueue(JSON.parse(line)) }
client.flush(timeout: 120)
puts JSON.generate(client.stats)
client.close
