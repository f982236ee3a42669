# frozen_string_literal: true

require_relative "helper"
require "logger"
require "stringio"

# What the tests of the drop-in share.
module AnalyticsHelp
  # @return [Segmo::Analytics] in test mode
  def analytics(**options)
    Segmo::Analytics.new({ write_key: "WK1", test: true }.merge(options))
  end

  # @return [Hash] the message that a call makes, as the test queue shows it
  def queued(call, fields)
    made = analytics
    assert_equal true, made.public_send(call, fields)
    made.test_queue[0]
  end

  # @return [String] what the drop-in logs while the block runs
  def logged
    log = StringIO.new
    Segmo::Analytics::Logging.logger = Logger.new(log)
    yield
    log.string
  ensure
    Segmo::Analytics::Logging.logger = nil
  end

  def assert_refused(text, call, fields, error = ArgumentError)
    refused = assert_raises(error) { analytics.public_send(call, fields) }
    assert_equal text, refused.message if text
  end
end
