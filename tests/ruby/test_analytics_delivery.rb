# frozen_string_literal: true

# Segmo::Analytics between a program and the sandbox: what arrives, and what an application hears of what does not.
# Each test stands behind a row of docs/guide/ruby-analytics.md.
require_relative "analytics_helper"
require "bigdecimal"
require "date"
require "set"
require "socket"
require "zlib"

class AnalyticsDelivery < SegmoTest
  include AnalyticsHelp

  def setup
    super
    @heard = Queue.new
  end

  def teardown
    Segmo::Analytics::Transport.stub = nil
    super
  end

  # @return [Hash] options of analytics-ruby for the sandbox, with options of segmo's own
  def options(**more)
    uri = URI(sandbox.url)
    { write_key: "WK1", host: uri.host, port: uri.port, ssl: false,
      spool_dir: File.join(work, "spool"), delivery_backoff_base_ms: 20 }.merge(more)
  end

  def open_analytics(**more)
    given = { on_error: proc { |status, error| @heard << [status, error] } }.merge(more)
    made = Segmo::Analytics.new(options(**given))
    @clients << made if made.respond_to?(:close)
    made
  end

  def heard
    Array.new(@heard.size) { @heard.pop }
  end

  # Runs a program that has `analytics` for the sandbox.
  def run_program(code, env: {})
    run_ruby("analytics = Segmo::Analytics.new(#{options.inspect})\n#{code}", env: env)
  end
end

class AnalyticsSendingTest < AnalyticsDelivery
  def sent(**more)
    made = open_analytics(**more)
    yield made
    assert_nil made.flush
    sandbox.messages
  end

  def test_what_the_six_calls_send
    at = Time.utc(2026, 1, 2, 3, 4, 5)
    common = { user_id: "u", timestamp: at, message_id: "m" }
    messages = sent do |made|
      made.track(event: "E", properties: { a: 1 }, integrations: { All: false }, context: { ip: "1.2.3.4" }, **common)
      made.identify(traits: { plan: :pro, at: at }, **common, message_id: "m2")
      made.group(group_id: "g", traits: {}, **common, message_id: "m3")
      made.page(name: "Home", **common, message_id: "m4")
      made.screen(name: "Home", category: "C", **common, message_id: "m5")
      made.alias(previous_id: "p", **common, message_id: "m6")
    end
    messages.each { |message| assert_equal %w[name version], message["context"].delete("library").keys }
    always = { "userId" => "u", "timestamp" => "2026-01-02T03:04:05.000Z" }
    expected = [
      { "type" => "track", "event" => "E", "properties" => { "a" => 1 }, "integrations" => { "All" => false },
        "context" => { "ip" => "1.2.3.4" }, "messageId" => "m" },
      { "type" => "identify", "traits" => { "plan" => "pro", "at" => "2026-01-02T03:04:05.000Z" }, "messageId" => "m2" },
      { "type" => "group", "groupId" => "g", "traits" => {}, "messageId" => "m3" },
      { "type" => "page", "name" => "Home", "properties" => {}, "messageId" => "m4" },
      { "type" => "screen", "name" => "Home", "category" => "C", "properties" => {}, "messageId" => "m5" },
      { "type" => "alias", "previousId" => "p", "messageId" => "m6" }
    ].map { |message| { "context" => {} }.merge(always, message) }
    assert_equal expected, messages
  end

  def test_flush_answers_nil_when_all_has_arrived
    assert_equal 250, sent { |made| 250.times { |i| made.track(user_id: "u#{i}", event: "E") } }.size
  end

  def test_an_empty_page_name_is_left_out_when_sent
    refute_includes sent { |made| made.page(user_id: "u") }[0], "name"
  end

  def test_numbers_as_ids_are_text_when_sent
    message = sent { |made| made.group(user_id: 7, group_id: 9) }[0]
    assert_equal %w[7 9], message.values_at("userId", "groupId")
  end

  def test_a_screens_name_is_text_when_sent
    assert_equal "7", sent { |made| made.screen(user_id: "u", name: 7) }[0]["name"]
  end

  def test_values_below_the_first_level_are_converted
    given = { at: Time.utc(2026, 1, 2), date: Date.new(2026, 1, 2), price: BigDecimal("1.10"), set: Set[1, 2], symbol: :a,
              struct: Struct.new(:x).new(1) }
    message = sent { |made| made.track(user_id: "u", event: "E", properties: { deep: given }) }[0]
    assert_equal({ "at" => "2026-01-02T00:00:00Z", "date" => "2026-01-02", "price" => 1.1, "set" => [1, 2], "symbol" => "a",
                   "struct" => { "x" => 1 } }, message["properties"]["deep"])
  end

  def test_batch_size_cuts_requests
    sent(batch_size: 10, delivery_lanes: 1) { |made| 100.times { made.track(user_id: "u", event: "E") } }
    assert_operator sandbox.stats["requests"], :>=, 10
    assert_equal 100, sandbox.stats["unique"]
  end

  def test_a_batch_size_over_segments_limit_is_brought_down
    assert_equal 1, sent(batch_size: 5000) { |made| made.track(user_id: "u", event: "E") }.size
  end

  def test_calls_from_many_threads
    messages = sent do |made|
      Array.new(8) { |t| Thread.new { 100.times { |i| made.track(user_id: "u#{t}", event: "E", message_id: "#{t}-#{i}") } } }.each(&:join)
    end
    assert_equal 800, messages.map { |message| message["messageId"] }.uniq.size
  end

  def test_a_users_order_is_kept
    sandbox.script({ status: 503, share: 0.2 })
    sent { |made| 500.times { |i| made.track(user_id: "u#{i % 5}", event: "E", properties: { seq: i }) } }
    assert_equal [500, 0], sandbox.stats.values_at("unique", "order_violations")
  end

  def test_an_address_as_host
    made = Segmo::Analytics.new(write_key: "WK1", host: sandbox.url, spool_dir: File.join(work, "spool"))
    @clients << made
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_the_environment_says_what_options_do_not
    code = 'made = Segmo::Analytics.new(write_key: "WK1"); made.track(user_id: "u", event: "E"); made.flush'
    said, status = run_ruby(code, env: environment)
    assert status.success?, said
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_segmos_own_options_pass
    made = open_analytics("spool.max_bytes": "2MiB", delivery_enabled: false)
    made.track(user_id: "u", event: "E")
    assert_equal 1, made.stats["destinations"]["segment"]["pending"]
  end
end

# What goes over the wire, read by a bare socket.
class AnalyticsRequestTest < AnalyticsDelivery
  def setup
    super
    @server = TCPServer.new("127.0.0.1", 0)
  end

  def teardown
    super
    [@peer, @server].compact.each(&:close)
  end

  # @return [Array(String, String)] head and body of the first request
  def request
    @peer = @server.accept
    head = +""
    head << @peer.gets until head.end_with?("\r\n\r\n")
    [head, @peer.read(head[/^content-length: (\d+)/i, 1].to_i)]
  end

  def first_request(**more)
    made = open_analytics(host: "127.0.0.1", port: @server.addr[1], **more)
    made.track(user_id: "u", event: "E")
    Timeout.timeout(PATIENCE_S) { request }
  end

  def test_a_request_has_the_key_and_json
    head, body = first_request(delivery_gzip: false)
    assert_match(/^Authorization: Basic V0sxOg==\r$/i, head)
    assert_match(%r{^Content-Type: application/json\r$}i, head)
    sent = JSON.parse(body)
    assert_equal ["u"], sent["batch"].map { |message| message["userId"] }
    assert_in_delta Time.now, Time.iso8601(sent["sentAt"]), PATIENCE_S
  end

  def test_a_request_is_compressed
    head, body = first_request
    assert_match(/^Content-Encoding: gzip\r$/i, head)
    assert_equal 1, JSON.parse(Zlib.gunzip(body))["batch"].size
  end

  def test_the_user_agent_is_segmos
    assert_match(%r{^User-Agent: segmo/}i, first_request[0])
  end

  def test_ssl_can_be_switched_off
    assert_equal "POST /v1/batch HTTP/1.1\r\n", first_request(ssl: false)[0].lines.first
  end

  def test_ssl_is_spoken_unless_switched_off
    made = open_analytics(host: "127.0.0.1", port: @server.addr[1], ssl: nil)
    made.track(user_id: "u", event: "E")
    @peer = @server.accept
    assert_equal 0x16, @peer.readbyte # a TLS handshake
  end

  def test_path_may_have_more_in_front
    assert_equal "POST /proxy/v1/batch HTTP/1.1\r\n", first_request(path: "/proxy/v1/import")[0].lines.first
  end

  def test_the_proxy_of_the_environment
    code = <<~RUBY
      analytics = Segmo::Analytics.new(write_key: "WK1", host: "segment.test", port: 80, ssl: false)
      analytics.track(user_id: "u", event: "E")
      $stdin.read
    RUBY
    File.write(File.join(work, "program.rb"), code)
    env = { "http_proxy" => "http://127.0.0.1:#{@server.addr[1]}", "SEGMO_SPOOL_DIR" => File.join(work, "spool"), "SEGMO_CLOSE_TIMEOUT_MS" => "1" }
    IO.popen([env, RbConfig.ruby, "-I", GEM_LIB, "-r", "segmo", File.join(work, "program.rb")], "w") do
      head, = Timeout.timeout(PATIENCE_S) { request }
      assert_match(%r{\APOST http://segment\.test(:80)?/v1/batch HTTP/1\.1\r\n}, head)
    end
  end
end

class AnalyticsErrorsTest < AnalyticsDelivery
  def test_on_error_hears_the_status_and_the_words_once_a_batch
    sandbox.script({ status: 422, body: '{"error":"no such thing"}' })
    made = open_analytics(retries: 1, delivery_lanes: 1, delivery_flush_interval_ms: 5000)
    3.times { made.track(user_id: "u", event: "E") }
    made.flush
    assert_equal [[422, "no such thing"]], heard.uniq
  end

  def test_one_call_for_a_batch
    sandbox.script({ status: 422 })
    made = open_analytics(delivery_lanes: 1, delivery_flush_interval_ms: 5000)
    20.times { made.track(user_id: "u", event: "E") }
    made.flush
    assert_equal [422], heard.map(&:first)
    assert_equal 20, made.stats["destinations"]["segment"]["dead"]
  end

  def test_on_error_hears_minus_one_when_nobody_answers
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    made = open_analytics(port: port, retries: 1)
    made.track(user_id: "u", event: "E")
    made.flush
    status, words = heard.fetch(0)
    assert_equal [-1, String], [status, words.class]
    refute_empty words
  end

  def test_on_error_is_not_called_when_all_is_well
    made = open_analytics
    made.track(user_id: "u", event: "E")
    made.flush
    assert_empty heard
  end

  def test_an_answer_that_is_no_json_is_well_too
    sandbox.script({ status: 202, body: "OK" })
    made = open_analytics
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [[], 1, 1], [heard, *sandbox.stats.values_at("unique", "requests")]
  end

  def test_the_words_may_stand_under_message
    sandbox.script({ status: 422, body: '{"success":false,"message":"no such thing","code":"invalid"}' })
    made = open_analytics
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [[422, "no such thing"]], heard
  end

  def test_without_on_error_nothing_happens
    sandbox.script({ status: 422 })
    made = open_analytics(on_error: nil)
    made.track(user_id: "u", event: "E")
    assert_nil made.flush
  end

  def test_what_may_pass_is_tried_again
    sandbox.script({ status: 503, times: 1 }, { status: 429, times: 1 })
    made = open_analytics
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal 1, sandbox.stats["unique"]
    assert_empty heard
  end

  def test_more_is_tried_again
    sandbox.script({ status: 408, times: 1 }, { status: 410, times: 1 }, { status: 460, times: 1 }, { status: 503, retry_after: 1, times: 1 })
    made = open_analytics(retries: 3)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [[], 1, 5], [heard, *sandbox.stats.values_at("unique", "requests")]
  end

  def test_retries_are_tries_after_the_first
    sandbox.script({ status: 503, body: '{"error":"later"}' })
    made = open_analytics(retries: 2)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [[503, "later"]], heard
    assert_equal 3, sandbox.stats["requests"]
  end

  def test_how_long_a_request_may_take_can_be_set
    sandbox.script({ never: true })
    made = open_analytics(retries: 0, delivery_timeout_ms: 300)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [-1], heard.map(&:first)
  end

  def test_nothing_is_posted_when_every_message_was_refused
    made = open_analytics
    made.track(user_id: "u", event: "E" * 33_000)
    made.flush
    assert_equal 0, sandbox.stats["requests"]
  end

  def test_backoff_policy_gives_the_pauses
    sandbox.script({ status: 503, times: 2 })
    policy = Segmo::Analytics::BackoffPolicy.new(min_timeout_ms: 1, max_timeout_ms: 5)
    made = open_analytics(backoff_policy: policy)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_what_fails_is_logged_without_the_message
    sandbox.script({ status: 422 })
    said = logged do
      made = open_analytics
      made.track(user_id: "u", event: "E", properties: { card: "4111-1111" })
      made.flush
    end
    assert_match(/ERROR.*segment http_422 422/, said)
    refute_match(/4111|WK1/, said)
  end

  def test_a_message_over_the_limit
    made = open_analytics
    assert_equal false, made.track(user_id: "u", event: "E", properties: { text: "x" * 33_000 })
    assert_equal [[-1, "Message Exceeded Maximum Allowed Size"]], heard
  end

  def test_a_value_that_json_has_not
    given = { deep: [{ nan: Float::NAN, infinity: -Float::INFINITY, decimal: BigDecimal("NaN") }], bytes: "a\xFFb",
              binary: "\xC3\xA9\xFF".b, latin: "\xE9".dup.force_encoding("ISO-8859-1"), good: 1 }
    said = logged do
      made = open_analytics
      assert_equal true, made.track(user_id: "u", event: "E", properties: given)
      made.flush
    end
    assert_equal({ "deep" => [{ "nan" => nil, "infinity" => nil, "decimal" => nil }], "bytes" => "a\uFFFDb", "binary" => "\u00E9\uFFFD",
                   "latin" => "\u00E9", "good" => 1 }, sandbox.messages[0]["properties"])
    assert_includes said, "/properties/deep/0/nan"
    assert_empty heard
  end

  def test_an_object_that_json_has_not_is_sent_as_its_text
    made = open_analytics
    given = { range: 1..2, error: ArgumentError.new("words"), class: Object, deep: [{ complex: Complex(1, 2) }] }
    assert_equal true, made.track(user_id: "u", event: "E", properties: given)
    made.flush
    assert_equal({ "range" => "1..2", "error" => "words", "class" => "Object", "deep" => [{ "complex" => "1+2i" }] },
                 sandbox.messages[0]["properties"])
  end

  def test_of_two_keys_with_one_text_the_later_one_is_sent
    made = open_analytics
    made.track(user_id: "u", event: "E", properties: { "a" => 1, a: 2 })
    made.flush
    assert_equal({ "a" => 2 }, sandbox.messages[0]["properties"])
  end

  # Looking for values to replace on every way through the second would never end.
  def test_a_hash_that_holds_itself_is_refused
    made = open_analytics
    [%i[itself], %i[one other]].each do |keys|
      circle = {}
      keys.each { |key| circle[key] = circle }
      assert_equal false, Timeout.timeout(PATIENCE_S) { made.track(user_id: "u", event: "E", properties: circle) }
    end
    assert_equal [-1, -1], heard.map(&:first)
  end

  def test_an_object_without_a_text_is_refused_and_raises_nothing
    nameless = Class.new { undef_method :to_s }.new
    made = open_analytics
    [nameless, BasicObject.new].each do |value|
      assert_equal false, made.track(user_id: "u", event: "E", properties: { x: value })
    end
    assert_equal [-1, -1], heard.map(&:first)
    assert(heard.all? { |_, words| words.include?("/properties/x") })
  end

  def test_what_segment_would_not_take
    made = open_analytics
    assert_equal false, made.track(user_id: false, event: "E")
    assert_equal false, made.alias(anonymous_id: "a", previous_id: "p")
    assert_equal false, made.track(user_id: "u", event: "E" * 257)
    assert_equal [-1] * 3, heard.map(&:first)
  end

  def test_on_error_may_raise
    sandbox.script({ status: 422, times: 1 })
    calls = 0
    made = open_analytics(on_error: proc { (calls += 1) && raise("on_error") })
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal false, made.track(user_id: false, event: "E")
    made.track(user_id: "u", event: "E")
    assert_nil made.flush
    assert_equal 2, calls
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_a_refused_write_key_pauses_and_keeps
    sandbox.script({ status: 401, body: '{"error":"who?"}' })
    made = open_analytics
    3.times { made.track(user_id: "u", event: "E") }
    assert_nil made.flush
    assert_equal [[401, "who?"]], heard
    made.close(timeout: 0)
    sandbox.script
    open_analytics.flush
    assert_equal 3, sandbox.stats["unique"]
  end

  def test_flush_ends_when_nothing_moves_and_nothing_is_lost
    sandbox.script({ status: 503 })
    said = logged do
      made = open_analytics(delivery_backoff_cap_ms: 100)
      made.track(user_id: "u", event: "E")
      assert_nil made.flush
      assert_equal 1, made.queued_messages
      sandbox.script
      made.flush
    end
    assert_includes said, "flush: messages are pending"
    assert_empty heard
    assert_equal 1, sandbox.stats["unique"]
  end
end

class AnalyticsRoomTest < AnalyticsDelivery
  def test_queued_messages
    sandbox.script({ never: true })
    made = open_analytics
    3.times { made.track(user_id: "u", event: "E") }
    assert_equal 3, made.queued_messages
    sandbox.script
    made.flush
    assert_equal 0, made.queued_messages
  end

  def test_a_full_queue_answers_false
    sandbox.script({ never: true })
    said = logged do
      made = open_analytics(max_queue_size: 3, batch_size: 1)
      answers = Array.new(5) { made.track(user_id: "u", event: "E") }
      assert_includes [[true, true, true, false, false], [true, true, true, true, false]], answers
    end
    assert_match(/WARN.*Queue is full, dropping events\./, said)
  end

  def test_a_full_queue_is_told_to_on_error
    made = open_analytics(max_queue_size: 0)
    assert_equal false, made.track(user_id: "u", event: "E")
    assert_equal [-1], heard.map(&:first)
  end

  def test_there_is_room_again_when_messages_have_left
    made = open_analytics(max_queue_size: 2)
    3.times do
      2.times { assert_equal true, made.track(user_id: "u", event: "E") }
      made.flush
    end
    assert_equal 6, sandbox.stats["unique"]
  end

  def test_without_max_queue_size_bytes_decide
    sandbox.script({ never: true })
    made = open_analytics
    assert_equal [true], Array.new(10_050) { made.track(user_id: "u", event: "E") }.uniq
  end
end

class AnalyticsStubTest < AnalyticsDelivery
  def test_stub_sends_nothing_and_answers_true
    made = open_analytics(stub: true)
    assert_equal true, made.track(user_id: "u", event: "E")
    assert_raises(ArgumentError) { made.track(user_id: "u") }
    assert_nil made.flush
    assert_equal [0, 0, []], [made.queued_messages, sandbox.stats["requests"], heard]
  end

  def test_stub_holds_for_the_whole_process
    real = open_analytics
    Segmo::Analytics.new(write_key: "WK1", stub: true)
    real.track(user_id: "u", event: "E")
    real.flush
    assert_equal 0, sandbox.stats["requests"]
    Segmo::Analytics::Transport.stub = false
    real.track(user_id: "u", event: "E")
    real.flush
    assert_equal 1, sandbox.stats["requests"]
  end

  def test_a_client_alone_does_not_look_at_stub
    made = Segmo::Analytics::Client.new(options(stub: true))
    @clients << made if made.respond_to?(:close)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_the_environment_can_stub
    said, status = run_program('p analytics.track(user_id: "u", event: "E"); analytics.flush', env: { "STUB" => "1" })
    assert status.success?, said
    assert_equal ["true\n", 0], [said, sandbox.stats["requests"]]
  end

  def test_a_stubbed_one_needs_no_write_key
    made = Segmo::Analytics.new(stub: true)
    assert_equal true, made.track(user_id: "u", event: "E")
  end

  def test_a_stubbed_call_is_logged_without_the_message
    said = logged { open_analytics(stub: true).track(user_id: "someone", event: "E") }
    assert_match(/DEBUG.*stubbed: a track call/, said)
    refute_match(/someone|WK1/, said)
  end

  def test_test_mode_sends_nothing
    made = open_analytics(test: true)
    made.track(user_id: "u", event: "E")
    made.flush
    assert_equal [1, 0, 0], [made.test_queue.count, made.queued_messages, sandbox.stats["requests"]]
  end

  # In a process of its own: the helpers change clients for good.
  def test_segmo_testing_records_what_the_drop_in_sends
    said, = run_ruby(<<~RUBY)
      require "segmo/testing"
      Segmo::Testing.fake! do
        made = Segmo::Analytics.new({})
        print made.track(user_id: 7, event: "E"), Segmo::Testing.messages.map { |message| message.values_at("type", "userId", "event") }
      end
    RUBY
    assert_equal 'true[["track", "7", "E"]]', said
  end
end

class AnalyticsProcessTest < AnalyticsDelivery
  def test_what_was_accepted_arrives_without_a_flush
    said, status = run_program('250.times { |i| analytics.track(user_id: "u#{i}", event: "E") }')
    assert status.success?, said
    assert_equal 250, sandbox.stats["unique"]
  end

  def test_a_fork_sends_each_message_once
    said, status = run_program(<<~'RUBY')
      300.times { |i| analytics.track(user_id: "u#{i}", event: "E") }
      child = fork { 100.times { |i| analytics.track(user_id: "c#{i}", event: "E") } }
      Process.wait(child)
    RUBY
    assert status.success?, said
    assert_equal [400, 0], sandbox.stats.values_at("unique", "duplicates")
  end

  def test_what_a_killed_process_accepted_arrives_later
    sandbox.script({ never: true })
    run_program('50.times { |i| analytics.track(user_id: "u#{i}", event: "E") }; Process.kill(:KILL, $$)')
    sandbox.script
    open_analytics.flush
    assert_equal 50, sandbox.stats["unique"]
  end

  def test_nothing_is_written_to_the_terminal
    sandbox.script({ status: 422 })
    said, = run_program('analytics.track(user_id: "u", event: "E"); analytics.flush')
    assert_equal "", said
  end

  def test_close
    made = open_analytics
    made.track(user_id: "u", event: "E")
    assert_equal true, made.close
    assert_equal 1, sandbox.stats["unique"]
    assert_equal false, made.track(user_id: "u", event: "E")
  end
end

# The command `analytics` and `segmo send`.
class AnalyticsProgramTest < AnalyticsDelivery
  def send_by_program(*arguments)
    env = environment(spool_dir: File.join(work, "spool")).reject { |name, _| name == "SEGMO_SEGMENT_WRITE_KEY" }
    said, status = Open3.capture2e(env, PROGRAM, "send", "--writeKey=WK1", *arguments)
    [said, status.exitstatus]
  end

  def test_the_options_of_the_command_line
    [%w[--type=track --userId=u --event=E --properties={"a":1}], %w[--type=identify --userId=u --traits={"a":1}],
     %w[--type=page --anonymousId=a --name=Home --properties={"a":1}], %w[--type=screen --userId=u --name=Home],
     %w[--type=group --userId=u --groupId=g --traits={"a":1}], %w[--type=alias --userId=u --previousId=p]]
      .each { |arguments| assert_equal 0, send_by_program(*arguments, '--context={"ip":"1.2.3.4"}', '--integrations={"All":false}').last }
    assert_equal [["track", "E", { "a" => 1 }], ["identify", nil, nil], ["page", nil, { "a" => 1 }], ["screen", nil, nil], ["group", nil, nil],
                  ["alias", nil, nil]], sandbox.messages.map { |message| message.values_at("type", "event", "properties") }
    assert_equal [["1.2.3.4"], [{ "All" => false }]],
                 [sandbox.messages.map { |message| message["context"]["ip"] }.uniq, sandbox.messages.map { |message| message["integrations"] }.uniq]
  end

  def test_a_type_that_is_none
    said, code = send_by_program("--type=dance", "--userId=u")
    assert_equal 1, code
    assert_includes said, "/type"
  end

  def test_a_refusal_is_printed
    sandbox.script({ status: 422, body: '{"error":"no such thing"}' })
    said, code = send_by_program("--type=track", "--userId=u", "--event=E")
    assert_equal 1, code
    assert_includes said, "422"
  end
end
