# frozen_string_literal: true

# What the surroundings of a call add to its message.
require_relative "helper"

class ContextTest < SegmoTest
  # @return [Hash] of the only message that was sent: its ids, and its context without the library
  def sent
    client = open_client
    yield client
    assert client.flush(timeout: PATIENCE_S)
    message = sandbox.messages.fetch(0)
    context = message.fetch("context").reject { |name, _| name == "library" }
    message.slice("userId", "anonymousId").merge("context" => context)
  end

  def surrounded(own = {}, **surroundings, &block)
    block ||= ->(client) { client.track(event: "E", **own) }
    sent { |client| Segmo::Context.use(**surroundings) { block.call(client) } }
  end

  def test_a_call_that_names_no_user_gets_ids_and_context
    assert_equal({ "userId" => "7", "anonymousId" => "a1", "context" => { "ip" => "1.2.3.4" } },
                 surrounded(user_id: 7, anonymous_id: "a1", context: { ip: "1.2.3.4" }))
  end

  def test_the_calls_own_context_wins_member_by_member
    surroundings = { ip: "1.2.3.4", "locale" => "de", page: { "path" => "/a", title: "A" } }
    own = { "ip" => "5.6.7.8", page: { path: "/b" } }
    assert_equal({ "ip" => "5.6.7.8", "locale" => "de", "page" => { "path" => "/b", "title" => "A" } },
                 surrounded({ user_id: "u", context: own }, context: surroundings)["context"])
  end

  def test_a_call_about_another_user_gets_context_but_no_ids
    assert_equal({ "userId" => "other", "context" => { "ip" => "1.2.3.4" } },
                 surrounded({ user_id: "other" }, user_id: "u1", anonymous_id: "a1", context: { ip: "1.2.3.4" }))
  end

  def test_a_call_with_an_anonymous_id_keeps_to_it
    assert_equal({ "anonymousId" => "other", "context" => {} }, surrounded({ anonymous_id: "other" }, user_id: "u1", anonymous_id: "a1"))
  end

  def test_identify_links_the_ids_of_the_same_user
    told = surrounded(user_id: "7", anonymous_id: "a1") { |client| client.identify(user_id: 7) }
    assert_equal %w[7 a1], told.values_at("userId", "anonymousId")
  end

  def test_alias_gets_no_ids
    told = surrounded(user_id: "u1", anonymous_id: "a1") { |client| client.alias(previous_id: "a1", user_id: "u1") }
    assert_nil told["anonymousId"]
  end

  def test_a_message_in_segments_form
    told = surrounded(user_id: "u1", context: { locale: "de" }) do |client|
      client.enqueue({ "type" => "track", "event" => "E", "context" => { "ip" => "1.2.3.4" } }.freeze)
    end
    assert_equal({ "userId" => "u1", "context" => { "ip" => "1.2.3.4", "locale" => "de" } }, told)
  end

  def test_inner_surroundings_beat_outer_ones
    told = surrounded(user_id: "outer", anonymous_id: "a1", context: { ip: "1.2.3.4", locale: "de" }) do |client|
      Segmo::Context.use(user_id: "inner", context: { locale: "fr" }) { client.track(event: "E") }
    end
    assert_equal({ "userId" => "inner", "context" => { "ip" => "1.2.3.4", "locale" => "fr" } }, told)
  end

  def test_they_end_with_the_block_and_stay_in_their_thread
    inside = Segmo::Context.use(user_id: "u1") do
      assert_equal({ "userId" => "u1" }, Segmo::Context.current)
      Thread.new { Segmo::Context.current }.value
    end
    assert_equal [{}, {}], [inside, Segmo::Context.current]
    assert_raises(RuntimeError) { Segmo::Context.use(user_id: "u1") { raise "boom" } }
    assert_equal({}, Segmo::Context.current)
  end

  def test_the_callers_hashes_are_not_changed
    own = { page: { path: "/b" }.freeze }.freeze
    assert_equal({ "path" => "/b", "title" => "A" }, surrounded({ user_id: "u", context: own }, context: { page: { title: "A" } })["context"]["page"])
    assert_equal({ page: { path: "/b" } }, own)
  end

  def test_what_travels_is_json
    at = Time.utc(2026, 1, 2, 3, 4, 5)
    Segmo::Context.use(user_id: 7, context: { at: at, plan: :pro }) do
      assert_equal({ "userId" => 7, "context" => { "at" => "2026-01-02T03:04:05Z", "plan" => "pro" } }, Segmo::Context.portable)
    end
    assert_nil Segmo::Context.portable
  end
end
