# frozen_string_literal: true

# The helpers for applications' own tests.
require_relative "helper"
require "segmo/testing/minitest"

class FakeTest < SegmoTest
  include Segmo::Testing::Minitest

  def setup
    super
    Segmo::Testing.fake!.clear
  end

  def teardown
    Segmo::Testing.real!
    super
  end

  def test_nothing_is_sent_and_everything_is_recorded
    client = Segmo::Client.new(config: false)
    client.track(user_id: 1, event: "E", properties: { at: Time.utc(2026) })
    client.flush
    client.close
    assert_equal [{ "type" => "track", "event" => "E", "userId" => "1", "properties" => { "at" => "2026-01-01T00:00:00Z" } }],
                 Segmo::Testing.messages
  end

  def test_the_directory_that_the_application_is_set_up_for_is_not_touched
    client = Segmo::Client.new(settings, config: false)
    client.track(user_id: "u1", event: "E")
    assert_equal true, client.close
    refute_path_exists settings[:spool_dir]
  end

  def test_what_would_be_refused_is_refused
    client = Segmo::Client.new(config: false)
    assert_raises(Segmo::Error::Invalid) { client.track(event: "E") }
    assert_raises(Segmo::Error::Invalid) { client.track(user_id: "u", event: "E", properties: { a: Object.new }) }
    assert_empty Segmo::Testing.messages
  end

  def test_a_client_from_before_sends_nothing_either_and_sends_again_afterwards
    Segmo::Testing.real!
    client = open_client
    Segmo::Testing.fake! { client.track(user_id: "u1", event: "Faked") }
    client.track(user_id: "u1", event: "Real")
    client.flush(timeout: PATIENCE_S)
    assert_equal(["Real"], sandbox.messages.map { |message| message["event"] })
    assert_tracked("Faked")
  end

  def test_assertions
    client = Segmo::Client.new(config: false)
    found = assert_tracked("Order Completed", user_id: "u1", properties: { total: Float }) do
      client.track(user_id: "u1", event: "Order Completed", properties: { total: 9.99, currency: "EUR" })
    end
    assert_equal "EUR", found.dig("properties", "currency")
    assert_tracked(/Order/, properties: { "currency" => /E/ }, times: 1)
    refute_tracked("Order Completed") {}
    client.identify(user_id: 7, traits: { plan: "pro" })
    assert_identified(7, traits: { plan: "pro" })
  end

  def test_a_failed_assertion_says_what_was_sent
    client = Segmo::Client.new(config: false)
    client.track(user_id: "u2", event: "E")
    failed = assert_raises(Minitest::Assertion) { assert_tracked("E", user_id: "u1") }
    assert_equal "Expected track \"E\" with userId \"u1\", but what was sent:\n  track \"E\" {\"userId\":\"u2\"} <- other userId", failed.message
    assert_raises(Minitest::Assertion) { refute_tracked("E") }
    assert_raises(Minitest::Assertion) { assert_tracked("E", times: 2) }
  end

  def test_rspec
    said, status = Open3.capture2e("rspec", "-I", GEM_LIB, "-w", "--no-color", File.join(__dir__, "testing_spec.rb"), chdir: work)
    assert status.success?, said
    assert_match(/^4 examples, 0 failures$/, said)
  end
end
