# frozen_string_literal: true

require_relative "helper"
require "objspace"
require "logger"
require "stringio"

# What the six calls send, and what they answer.
class CallsTest < SegmoTest
  TIME = Time.utc(2026, 1, 2, 3, 4, 5)
  COMMON = { context: { ip: "1.2.3.4" }, integrations: { All: true }, timestamp: TIME, message_id: "m1" }.freeze
  COMMON_SENT = { "integrations" => { "All" => true }, "timestamp" => "2026-01-02T03:04:05Z", "messageId" => "m1" }.freeze

  def sent
    client = open_client
    yield client
    client.flush(timeout: PATIENCE_S)
    sandbox.messages.fetch(0)
  end

  def assert_sent(expected, &call)
    message = sent(&call)
    context = message.delete("context")
    assert_equal COMMON_SENT.merge(expected), message
    assert_equal({ "ip" => "1.2.3.4", "library" => { "name" => "segmo-ruby", "version" => Segmo::VERSION } }, context)
  end

  def test_track
    assert_sent({ "type" => "track", "userId" => "u1", "event" => "Order Completed", "properties" => { "total" => 9.99 } }) do |c|
      assert_equal true, c.track(user_id: "u1", event: "Order Completed", properties: { total: 9.99 }, **COMMON)
    end
  end

  def test_identify
    assert_sent({ "type" => "identify", "userId" => "7", "anonymousId" => "a", "traits" => { "plan" => "pro" } }) do |c|
      c.identify(user_id: 7, anonymous_id: "a", traits: { plan: :pro }, **COMMON)
    end
  end

  def test_group
    assert_sent({ "type" => "group", "userId" => "u1", "groupId" => "g1", "traits" => { "n" => 1 } }) do |c|
      c.group(user_id: "u1", group_id: "g1", traits: { n: 1 }, **COMMON)
    end
  end

  def test_page
    assert_sent({ "type" => "page", "userId" => "u1", "name" => "Home", "category" => "Docs", "properties" => { "n" => 1 } }) do |c|
      c.page(user_id: "u1", name: "Home", category: "Docs", properties: { n: 1 }, **COMMON)
    end
  end

  def test_screen
    assert_sent({ "type" => "screen", "anonymousId" => "a1", "name" => "Home" }) do |c|
      c.screen(anonymous_id: "a1", name: "Home", **COMMON)
    end
  end

  def test_alias
    assert_sent({ "type" => "alias", "previousId" => "old", "userId" => "new" }) do |c|
      c.alias(previous_id: "old", user_id: "new", **COMMON)
    end
  end

  def test_enqueue_takes_a_message_in_segments_form
    message = sent { |client| client.enqueue({ "type" => "track", "userId" => "u1", "event" => "E", "extra" => 1 }) }
    assert_equal 1, message["extra"]
  end

  def test_the_callers_hashes_are_not_changed
    given = { user_id: "u1", event: "E", properties: { at: TIME, "nested" => [:a] }.freeze, context: {}.freeze }.freeze
    sent { |client| client.track(**given) }
    assert_equal({ at: TIME, "nested" => [:a] }, given[:properties])
  end

  def test_nothing_is_queued_by_a_call_that_raises
    client = open_client
    refused = assert_raises(Segmo::Error::Invalid) { client.track(event: "E") }
    assert_equal "/userId", refused.field
    refute_predicate refused, :retryable?
    refused = assert_raises(Segmo::Error::Invalid) { client.track(user_id: "u", event: "E", properties: { a: Object.new }) }
    assert_equal "/properties/a", refused.field
    assert_raises(Segmo::Error::TooLarge) { client.track(user_id: "u", event: "E", properties: { a: "x" * 40_000 }) }
    assert_raises(Segmo::Error::NotFound) { client.track(user_id: "u", event: "E", source: "nowhere") }
    assert_equal 0, client.stats["accepted"]
  end

  def test_a_message_with_every_kind_of_value_arrives
    message = sent { |c| c.track(user_id: "u", event: "E", properties: { big: 2**70, at: TIME, nul: "a\0b", half: 0.5r }) }
    assert_equal({ "big" => 2**70, "at" => "2026-01-02T03:04:05Z", "nul" => "a\0b", "half" => 0.5 }, message["properties"])
  end
end

# Opening, settings, closing.
class LifeTest < SegmoTest
  def test_the_block_form_closes
    client = nil
    answer = Segmo::Client.open(**settings, config: false) do |opened|
      client = opened
      client.track(user_id: "u1", event: "E")
      :answer
    end
    assert_equal :answer, answer
    assert_predicate client, :closed?
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_a_closed_client_refuses_and_still_counts
    client = open_client
    client.track(user_id: "u1", event: "E")
    assert_equal true, client.close
    assert_equal true, client.close
    assert_raises(Segmo::Error::Closed) { client.track(user_id: "u1", event: "E") }
    assert_equal 1, client.stats["destinations"]["segment"]["delivered"]
  end

  def test_what_cannot_be_delivered_stays_for_the_next_client
    sandbox.script({ status: 503 })
    client = open_client
    client.track(user_id: "u1", event: "E")
    assert_equal false, client.flush(timeout: 0.3)
    assert_equal false, client.close(timeout: 0.1)
    sandbox.script
    assert_equal true, open_client.flush(timeout: PATIENCE_S)
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_options_by_dotted_and_nested_names
    dotted = Segmo::Client.new({ "segment.write_key" => "WK1", segment: { host: sandbox.url } }.merge(settings), config: false)
    dotted.track(user_id: "u1", event: "E")
    assert dotted.close
  end

  def test_an_unknown_option_is_refused_with_the_nearest
    refused = assert_raises(Segmo::Error::Option) { open_client(segmant_write_key: "WK") }
    assert_includes refused.message, "segment.write_key"
    assert_raises(Segmo::Error::Option) { Segmo::Client.new(spool_dir: File.join(work, "s"), config: false) }
  end

  def test_a_setting_of_kafka_is_handed_on_in_its_own_words
    brokers = { segment_write_key: "WK1", spool_memory_only: true, kafka_bootstrap_servers: "127.0.0.1:1" }
    refused = assert_raises(Segmo::Error::Option) do
      Segmo::Client.new(brokers.merge(kafka_security_protocol: "carrier pigeon"), config: false)
    end
    assert_equal "kafka.security.protocol", refused.field
    client = Segmo::Client.new(brokers.merge(kafka: { "security.protocol" => "plaintext" }, kafka_linger_ms: 5), config: false)
    client.track(user_id: "u1", event: "E")
    assert_equal 1, client.stats["destinations"]["kafka"]["accepted"]
    client.close(timeout: 0)
  end

  def test_sources_are_given_as_data
    sources = [{ "id" => "web", "segment" => { "write_key" => "WKWEB" } }, { "id" => "app", "segment" => { "write_key" => "WKAPP" } }]
    client = open_client({}, sources: sources)
    client.track(user_id: "u1", event: "E", source: "app")
    assert client.flush(timeout: PATIENCE_S)
    assert_raises(Segmo::Error) { client.track(user_id: "u1", event: "E") }
  end

  def test_the_secret_is_not_in_what_inspect_shows
    refute_includes open_client.inspect, "WK1"
  end

  def test_a_client_is_not_copied
    assert_raises(TypeError) { open_client.dup }
  end

  def test_the_room_of_a_huge_message_is_given_back
    client = open_client
    assert_raises(Segmo::Error::TooLarge) { client.track(user_id: "u1", event: "E", properties: { x: "x" * (8 << 20) }) }
    GC.start
    assert_operator ObjectSpace.each_object(String).map { |text| ObjectSpace.memsize_of(text) }.max, :<, 8 << 20
  end

  # Ruby gives a copy the finalizers of its original before the class can refuse it.
  def test_a_refused_copy_harms_nothing
    client = open_client
    copies = lambda do
      200.times { assert_raises(TypeError) { client.dup } && assert_raises(TypeError) { client.clone } }
      nil
    end
    copies.call
    GC.start
    assert client.track(user_id: "u1", event: "E")
    assert client.flush(timeout: PATIENCE_S)
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_explain_says_where_a_message_goes
    told = open_client.explain({ type: "track", userId: "u1", event: "E" })
    assert_equal true, told["segment"]["send"]
    assert_equal "not_configured", told["moengage"]["reason"]
  end

  def test_a_streams_payload_becomes_messages
    payload = JSON.parse(Open3.capture2("python3", File.join(ROOT, "tests/events/streams.py"), "--count", "20")[0])
    client = open_client({}, source_type: "http")
    told = client.import_streams(payload)
    assert_equal 20, told["events"]
    client.flush(timeout: PATIENCE_S)
    assert_equal told["accepted"], sandbox.stats["unique"]
    assert_equal told["events"], client.import_streams(JSON.generate(payload))["events"]
  end

  def test_sync_always_waits_for_the_disk
    client = open_client({}, spool_sync: "always")
    assert_equal true, client.track(user_id: "u1", event: "E")
  end

  def test_a_full_spool_refuses_or_waits_as_it_is_told
    sandbox.script({ status: 503 })
    properties = { text: "x" * 20_000 }
    full = open_client({}, spool_max_bytes: "1MiB", spool_dir: File.join(work, "full"))
    refused = assert_raises(Segmo::Error::Full) { 2000.times { full.track(user_id: "u1", event: "E", properties: properties) } }
    assert_predicate refused, :retryable?
    waiting = open_client({}, spool_max_bytes: "1MiB", spool_when_full: "block", spool_dir: File.join(work, "waiting"))
    sender = Thread.new { 100.times { |i| waiting.track(user_id: "u#{i}", event: "E", properties: properties) } }
    wait_until("the spool is full") { waiting.stats["accepted"] > 30 && sender.stop? }
    sandbox.script
    assert sender.join(PATIENCE_S)
    waiting.flush(timeout: PATIENCE_S)
    assert_equal 100, waiting.stats["destinations"]["segment"]["delivered"]
  end
end

# A file, the environment, and which of them wins.
class SettingsTest < SegmoTest
  def write_key_sent(env: {}, code: "Segmo::Client.open { |c| c.track(user_id: 'u', event: 'E') }")
    said, status = run_ruby(code, env: environment.reject { |name, _| name == "SEGMO_SEGMENT_WRITE_KEY" }.merge(env))
    assert status.success?, said
    sandbox.get("/messages").fetch("messages").fetch(0)
  end

  def file(name, text)
    FileUtils.mkdir_p(File.join(work, "config"))
    File.write(File.join(work, name), text)
  end

  def library_sent(**how)
    write_key_sent(**how).dig("message", "context", "library", "name")
  end

  def test_config_segmo_yml_is_read
    file("config/segmo.yml", "segment:\n  write_key: <%= 'WK' + 'FILE' %>\nlibrary.name: from-file\n")
    assert_equal "from-file", library_sent
  end

  def test_sections_for_environments
    file("config/segmo.yml", "shared:\n  segment.write_key: WK\nproduction:\n  library.name: live\ndevelopment:\n  library.name: dev\n")
    assert_equal "live", library_sent(env: { "RAILS_ENV" => "production" })
  end

  def test_a_section_for_another_environment_says_nothing
    file("config/segmo.yml", "production:\n  library.name: live\n")
    assert_equal "segmo-ruby", library_sent(env: { "SEGMO_SEGMENT_WRITE_KEY" => "WK" })
  end

  def test_times_may_have_a_unit
    sandbox.script({ latency_ms: 500 })
    said, = run_ruby('Segmo::Client.open { |c| c.track(user_id: "u", event: "E"); p c.flush }', env: environment(close_timeout_ms: "30s"))
    assert_equal "true\n", said
  end

  def test_an_empty_segmo_config_names_no_file
    assert_equal "segmo-ruby", library_sent(env: { "SEGMO_SEGMENT_WRITE_KEY" => "WK", "SEGMO_CONFIG" => "" })
  end

  def test_the_environment_beats_the_file
    file("config/segmo.yml", "segment_write_key: WK\nlibrary_name: from-file\n")
    assert_equal "from-env", library_sent(env: { "SEGMO_LIBRARY_NAME" => "from-env" })
  end

  def test_keywords_beat_the_environment
    file("config/segmo.yml", "segment_write_key: WK\nlibrary_name: from-file\n")
    assert_equal "said", library_sent(env: { "SEGMO_LIBRARY_NAME" => "from-env" },
                                      code: "Segmo::Client.open(library_name: 'said') { |c| c.track(user_id: 'u', event: 'E') }")
  end

  def test_segmo_config_names_a_json_file
    file("other.json", '{"segment": {"write_key": "WK"}, "library": {"name": "from-json"}}')
    assert_equal "from-json", library_sent(env: { "SEGMO_CONFIG" => "other.json" })
  end

  def test_a_broken_file_is_refused_by_name
    file("config/segmo.yml", "a: [")
    said, status = run_ruby("Segmo::Client.new")
    refute status.success?
    assert_match(/config\/segmo\.yml.*Segmo::Error::Option/m, said)
    said, = run_ruby("Segmo::Client.new(config: 'gone.yml')")
    assert_match(/gone\.yml cannot be read.*Segmo::Error::IO/m, said)
  end

  def test_an_unknown_variable_is_refused
    said, = run_ruby("Segmo::Client.new", env: environment.merge("SEGMO_SEGMENT_WRITEKEY" => "WK"))
    assert_match(/SEGMO_SEGMENT_WRITEKEY.*Segmo::Error::Option/m, said)
  end
end

# What the application hears about outcomes.
class ReportsTest < SegmoTest
  def refused_client(**callbacks)
    sandbox.script({ status: 400, body: "no" })
    open_client(callbacks, delivery_max_attempts: 1, delivery_flush_at: 1)
  end

  def test_poll_hands_out_reports
    client = open_client({}, reports_delivered: true)
    client.track(user_id: "u1", event: "E", message_id: "m1")
    report = client.poll(timeout: PATIENCE_S)
    assert_equal :delivered, report.kind
    assert_equal ["m1"], report["messageIds"]
    assert_equal "segment", report.to_h["destination"]
    assert_nil client.poll
  end

  def test_on_report_runs_on_a_ruby_thread_and_hears_everything_before_close_returns
    heard = Queue.new
    client = open_client({ on_report: ->(report) { heard << [report.kind, Thread.current.name] } }, reports_delivered: true)
    client.track(user_id: "u1", event: "E")
    client.close
    assert_equal [:delivered, "segmo-reports"], heard.pop(true)
  end

  def test_on_error_hears_of_a_pause
    sandbox.script({ status: 401 })
    heard = Queue.new
    client = open_client({ on_error: ->(report) { heard << report } })
    client.track(user_id: "u1", event: "E")
    report = Timeout.timeout(PATIENCE_S) { heard.pop }
    assert_equal :paused, report.kind
    assert_equal 401, report["status"]
  end

  def test_a_callback_that_raises_stops_neither_reports_nor_delivery
    heard = Queue.new
    log = StringIO.new
    failing = lambda do |report|
      heard << report
      raise Exception, "from the callback" # rubocop:disable Lint/RaiseException
    end
    client = open_client({ on_report: failing, logger: Logger.new(log) }, reports_delivered: true, delivery_flush_at: 1)
    3.times do |i|
      client.track(user_id: "u1", event: "E#{i}")
      client.flush(timeout: PATIENCE_S)
    end
    client.close
    assert_equal 3, heard.size
    assert_equal 3, client.stats["callback_failures"]
    assert_equal 3, sandbox.stats["unique"]
    assert_includes log.string, "from the callback"
  end

  def test_a_logger_that_raises_stops_neither
    heard = Queue.new
    logger = Object.new
    def logger.error(_)
      raise IOError, "closed"
    end

    client = open_client({ on_report: ->(report) { (heard << report) && raise("no") }, logger: logger }, reports_delivered: true)
    2.times do
      client.track(user_id: "u1", event: "E")
      client.flush(timeout: PATIENCE_S)
    end
    assert client.close
    assert_equal [2, 2], [heard.size, client.stats["callback_failures"]]
  end

  def test_a_dead_letter_is_an_error
    sandbox.script({ status: 503 })
    heard = Queue.new
    client = open_client({ on_error: ->(report) { heard << report } }, delivery_max_attempts: 1)
    client.track(user_id: "u1", event: "E", message_id: "m1")
    report = Timeout.timeout(PATIENCE_S) { heard.pop }
    assert_equal [:dead, "segment"], [report.kind, report["destination"]]
  end

  def test_close_from_inside_a_callback_ends
    closed = Queue.new
    client = nil
    client = open_client({ on_report: ->(_) { closed << client.close } }, reports_delivered: true)
    client.track(user_id: "u1", event: "E")
    assert_equal true, Timeout.timeout(PATIENCE_S) { closed.pop }
  end
end

# The dull layer and its library belong together.
class NativeTest < Minitest::Test
  def test_every_status_has_its_exception
    failures = Segmo::Native::STATUS.select { |_, number| number.negative? }
    failures.each do |name, number|
      error = Segmo::Error.from_native(number, FFI::Pointer::NULL)
      assert_equal name, error.class::STATUS_NAME
      assert_equal number, error.status
    end
  end

  def test_what_may_wait_and_only_that_releases_the_lock
    native = File.read(File.join(GEM_LIB, "segmo/native.rb"))
    blocking = native.scan(/attach_function :(\w+), .*blocking: true/).flatten
    header = File.read(File.join(ROOT, "core/include/segmo.h"))
    marked = header.scan(%r{@blocking\n(?: \*[^/]*\n)* \*/\n\w+ (segmo_\w+)\(}).flatten
    assert_equal marked, blocking
    refute_empty blocking
  end

  def test_another_library_is_refused
    assert_nil Segmo::Library.check
    refused = assert_raises(LoadError) { Segmo::Library.check(abi: 2) }
    assert_match(/binary interface 2.*needs binary interface 1/, refused.message)
    assert_raises(LoadError) { Segmo::Library.check(version: "0.0.9") }
    assert_nil Segmo::Library.check(version: "0.10.0")
  end

  def test_widths_are_the_compilers
    { size_t: 8, uint32: 4, uint64: 8, int: 4, pointer: 8 }.each do |type, bytes|
      assert_equal bytes, FFI.type_size(type)
    end
    native = File.read(File.join(GEM_LIB, "segmo/native.rb"))
    assert_includes native, "attach_function :segmo_client_enqueue, [:pointer, :string, :buffer_in, :size_t, :pointer], :int\n"
    assert_includes native, "attach_function :segmo_client_flush, [:pointer, :uint32, :pointer], :int, blocking: true\n"
  end
end
