# frozen_string_literal: true

# Segmo::Analytics: what calls check and make of their arguments, and what else an application touches without sending.
# Each test stands behind a row of docs/guide/ruby-analytics.md.
require_relative "analytics_helper"
require "date"

class AnalyticsOptionsTest < Minitest::Test
  include AnalyticsHelp

  def test_options_may_have_text_keys
    made = Segmo::Analytics.new("write_key" => "WK1", "test" => true)
    made.track(user_id: "u", event: "E")
    assert_equal 1, made.test_queue.count
  end

  def test_the_write_key_must_be_given
    refused = assert_raises(ArgumentError) { Segmo::Analytics.new({}) }
    assert_equal "Write key must be initialized", refused.message
    assert_raises(ArgumentError) { Segmo::Analytics::Client.new(write_key: nil) }
  end

  def test_an_empty_write_key_is_refused
    refused = assert_raises(Segmo::Error::Option) { Segmo::Analytics.new(write_key: "") }
    assert_equal "segment.write_key", refused.field
  end

  def test_the_options_given_are_not_changed
    given = { "write_key" => "WK1", "test" => true }.freeze
    Segmo::Analytics.new(given)
    assert_equal({ "write_key" => "WK1", "test" => true }, given)
  end

  def test_options_that_are_none_do_not_matter
    assert_equal true, analytics(colour: "red").track(user_id: "u", event: "E")
  end

  def test_options_without_an_effect_are_logged
    said = logged { analytics(colour: "red", headers: { "X" => "y" }, backoff_policy: Object.new, retries: 1) }
    assert_includes said, "options without an effect: colour, headers, backoff_policy\n"
  end

  def test_path_must_be_one_that_can_be_posted_to
    refused = assert_raises(ArgumentError) { analytics(path: "/collect") }
    assert_includes refused.message, "/v1/import"
  end

  def test_the_constants
    assert_equal "2.5.0", Segmo::Analytics::VERSION
    defaults = Segmo::Analytics::Defaults
    assert_equal ["api.segment.io", "/v1/import", true], [defaults::Request::HOST, defaults::Request::PATH, defaults::Request::SSL]
    assert_equal 32_768, defaults::Message::MAX_BYTES
    pauses = defaults::BackoffPolicy
    assert_equal [100, 10_000, 1.5, 0.5],
                 [pauses::MIN_TIMEOUT_MS, pauses::MAX_TIMEOUT_MS, pauses::MULTIPLIER, pauses::RANDOMIZATION_FACTOR]
  end

  def test_backoff_policy
    policy = Segmo::Analytics::BackoffPolicy.new(min_timeout_ms: 1000, max_timeout_ms: 1700, multiplier: 2, randomization_factor: 0.5)
    assert_includes 500..1500, policy.next_interval
    assert_includes 1000..1700, policy.next_interval
    assert_equal 1700, policy.next_interval
    assert_includes 50..150, Segmo::Analytics::BackoffPolicy.new.next_interval
  end
end

class AnalyticsMethodsTest < Minitest::Test
  include AnalyticsHelp

  CALLS = { track: { event: "E" }, identify: {}, group: { group_id: "g" }, page: {}, screen: { name: "S" },
            alias: { previous_id: "p" } }.freeze

  def test_it_answers_to_every_method
    made = analytics
    (CALLS.keys + %i[flush queued_messages test_queue logger]).each do |name|
      assert_respond_to made, name
      assert_equal name, made.method(name).name
    end
  end

  def test_a_method_that_is_none_raises
    refute_respond_to analytics, :tracked
    assert_raises(NoMethodError) { analytics.tracked(user_id: "u") }
  end

  def test_the_write_key_is_not_in_what_inspect_shows
    key = "WK1"
    [analytics, Segmo::Analytics::Client.new(write_key: key, test: true)].each do |made|
      refute_includes made.inspect, key
      refute_includes assert_raises(NoMethodError) { made.tracked }.message, key
    end
  end

  def test_it_can_be_required_alone
    said, = Open3.capture2e(RbConfig.ruby, "-w", "-I", GEM_LIB, "-r", "segmo/analytics", "-e", "print Segmo::Analytics.new(stub: true).flush.inspect")
    assert_equal "nil", said
  end

  def test_a_client_alone_does_the_same
    made = Segmo::Analytics::Client.new(write_key: "WK1", test: true)
    assert_equal true, made.track(user_id: "u", event: "E")
    assert_equal 1, made.test_queue.count
  end

  def test_each_call_answers_true
    CALLS.each { |call, more| assert_equal true, analytics.public_send(call, { user_id: "u" }.merge(more)), call }
  end

  def test_a_hash_or_keywords
    made = analytics
    made.track(user_id: "u", event: "E")
    made.track({ user_id: "u", event: "E" })
    assert_equal %w[E E], made.test_queue.track.map { |message| message[:event] }
  end

  def test_keys_may_be_text
    message = queued(:track, "user_id" => "u", "event" => "E", "properties" => { "a" => 1 }, "context" => { "ip" => "1.2.3.4" })
    assert_equal ["u", "E", { "a" => 1 }, "1.2.3.4"], [*message.values_at(:userId, :event, :properties), message[:context]["ip"]]
  end

  def test_what_is_no_hash_raises
    CALLS.each_key do |call|
      assert_raises(NoMethodError) { analytics.public_send(call, nil) }
      assert_raises(NoMethodError) { analytics.public_send(call, "text") }
      assert_raises(ArgumentError) { analytics.public_send(call) }
    end
  end

  def test_flush_and_queued_messages_without_a_message
    assert_nil analytics.flush
    assert_equal 0, analytics.queued_messages
  end
end

class AnalyticsMessagesTest < Minitest::Test
  include AnalyticsHelp

  def rest(message)
    message.reject { |name, _| %i[context messageId timestamp].include?(name) }
  end

  def test_track
    assert_equal({ type: "track", userId: "u", event: "E", properties: { a: 1 } },
                 rest(queued(:track, user_id: "u", event: "E", properties: { a: 1 })))
    assert_equal({}, queued(:track, user_id: "u", event: "E")[:properties])
  end

  def test_identify
    assert_equal({ type: "identify", userId: "u", traits: { a: 1 } }, rest(queued(:identify, user_id: "u", traits: { a: 1 })))
    assert_equal({}, queued(:identify, user_id: "u", traits: nil)[:traits])
  end

  def test_group
    assert_equal({ type: "group", userId: "u", groupId: "g", traits: { a: 1 } },
                 rest(queued(:group, user_id: "u", group_id: "g", traits: { a: 1 })))
  end

  def test_page
    assert_equal({ type: "page", userId: "u", name: "Home", properties: { a: 1 } },
                 rest(queued(:page, user_id: "u", name: :Home, properties: { a: 1 })))
    assert_equal "", queued(:page, user_id: "u")[:name]
  end

  def test_a_page_keeps_its_category
    assert_equal "Docs", queued(:page, user_id: "u", category: "Docs")[:category]
  end

  def test_screen
    assert_equal({ type: "screen", userId: "u", name: "Home", category: "C", properties: { a: 1 } },
                 rest(queued(:screen, user_id: "u", name: "Home", category: "C", properties: { a: 1 })))
  end

  def test_alias
    assert_equal({ type: "alias", userId: "u", previousId: "p" }, rest(queued(:alias, user_id: "u", previous_id: "p")))
    assert_equal "a", queued(:alias, anonymous_id: "a", previous_id: "p")[:anonymousId]
  end

  def test_what_all_calls_take
    message = queued(:track, event: "E", user_id: "u", anonymous_id: "a", message_id: 7, integrations: { All: false },
                             options: { old: 1 }, context: { ip: "1.2.3.4" })
    assert_equal ["u", "a", "7", { All: false }, { old: 1 }, "1.2.3.4"],
                 [*message.values_at(:userId, :anonymousId, :messageId, :integrations, :options), message[:context][:ip]]
  end

  def test_what_is_absent_is_left_out
    assert_empty queued(:track, event: "E", user_id: "u", context: nil).keys & %i[anonymousId integrations options category]
  end

  def test_event_becomes_text
    assert_equal "E", queued(:track, user_id: "u", event: :E)[:event]
    assert_equal "7", queued(:track, user_id: "u", event: 7)[:event]
  end

  def test_numbers_as_ids_stay_in_the_test_queue
    message = queued(:group, user_id: 7, anonymous_id: 8, group_id: 9)
    assert_equal [7, 8, 9], message.values_at(:userId, :anonymousId, :groupId)
    assert_equal 0, queued(:track, user_id: 0, event: "E")[:userId]
  end

  def test_message_ids_are_random_uuids
    ids = Array.new(2) { queued(:track, user_id: "u", event: "E")[:messageId] }
    ids.each { |id| assert_match(/\A\h{8}-\h{4}-4\h{3}-[89ab]\h{3}-\h{12}\z/, id) }
    refute_equal(*ids)
  end

  def test_the_librarys_name_is_segmos
    assert_equal({ name: "segmo-ruby", version: Segmo::VERSION }, queued(:track, user_id: "u", event: "E")[:context][:library])
  end

  def test_a_library_that_the_caller_names_stays
    mine = { name: "mine" }
    assert_equal mine, queued(:track, user_id: "u", event: "E", context: { library: mine })[:context][:library]
    assert_equal({ "library" => mine }, queued(:track, user_id: "u", event: "E", context: { "library" => mine })[:context])
  end

  def test_what_was_given_is_not_changed
    at = Time.utc(2026, 1, 2)
    given = { "user_id" => "u", "event" => "E", "context" => { "ip" => "1" }.freeze, "properties" => { "at" => at }.freeze }.freeze
    before = Marshal.load(Marshal.dump(given))
    %i[track identify page].each { |call| queued(call, given.merge("traits" => { at: at }.freeze).freeze) }
    assert_equal before, given
  end
end

class AnalyticsTimeTest < Minitest::Test
  include AnalyticsHelp

  TIME = Time.utc(2026, 1, 2, 3, 4, Rational(5_678, 1000))

  def stamp(time)
    queued(:track, user_id: "u", event: "E", timestamp: time)[:timestamp]
  end

  def test_timestamp_has_milliseconds_and_its_offset
    assert_equal "2026-01-02T03:04:05.678Z", stamp(TIME)
    assert_equal "2026-01-02T05:34:05.678+02:30", stamp(TIME.getlocal("+02:30"))
    assert_equal "2026-01-01T21:34:05.678-05:30", stamp(TIME.getlocal("-05:30"))
    assert_equal "2026-01-02T03:04:05.678+00:00", stamp(TIME.getlocal("+00:00"))
  end

  def test_timestamp_is_now_unless_given
    before = Time.now - 0.001
    stamped = Time.iso8601(stamp(nil))
    assert_includes before..Time.now, stamped
  end

  def test_timestamp_must_be_a_time
    [DateTime.now, Date.today, "2026-01-02T03:04:05Z", 1].each do |other|
      assert_refused "Timestamp must be a Time", :track, { user_id: "u", event: "E", timestamp: other }
    end
  end

  def test_a_time_with_zone_is_a_time
    said, = Open3.capture2e(RbConfig.ruby, "-I", GEM_LIB, "-e", <<~RUBY)
      require "active_support"
      require "active_support/time"
      require "segmo"
      zone = ActiveSupport::TimeZone["Tokyo"]
      made = Segmo::Analytics.new(write_key: "WK1", test: true)
      made.identify(user_id: "u", timestamp: zone.local(2026, 1, 2, 3, 4, 5), traits: { at: zone.local(2026, 1, 2) })
      print made.test_queue[0].values_at(:timestamp, :traits)
    RUBY
    assert_equal '["2026-01-02T03:04:05.000+09:00", {:at=>"2026-01-02T00:00:00.000+09:00"}]', said
  end

  def test_dates_in_traits_and_properties_become_text
    moment = DateTime.new(2026, 1, 2, 3, 4, 5, "+02:00")
    given = { time: TIME, date_time: moment, date: Date.new(2026, 1, 2), other: [1] }
    [queued(:track, user_id: "u", event: "E", properties: given.dup)[:properties],
     queued(:identify, user_id: "u", traits: given.dup)[:traits],
     queued(:group, user_id: "u", group_id: "g", traits: given.dup)[:traits],
     queued(:page, user_id: "u", properties: given.dup)[:properties],
     queued(:screen, user_id: "u", name: "S", properties: given.dup)[:properties]].each do |made|
      assert_equal moment.to_time, Time.iso8601(made.delete(:date_time))
      assert_equal({ time: "2026-01-02T03:04:05.678Z", date: "2026-01-02", other: [1] }, made)
    end
  end

  def test_utils
    utils = Segmo::Analytics::Utils
    mixed = { "a" => 1, b: Date.new(2026, 1, 2) }
    assert_equal({ a: 1, b: Date.new(2026, 1, 2) }, utils.symbolize_keys(mixed))
    assert_equal({ "a" => 1, "b" => Date.new(2026, 1, 2) }, utils.stringify_keys(mixed))
    assert_equal({ "a" => 1, b: "2026-01-02" }, utils.isoify_dates(mixed))
    assert_equal({ "a" => 1, b: Date.new(2026, 1, 2) }, mixed)
    utils.symbolize_keys!(mixed)
    utils.isoify_dates!(mixed)
    assert_equal({ a: 1, b: "2026-01-02" }, mixed)
    assert_equal ["2026-01-02T03:04:05.678Z", "2026-01-02", 1],
                 [utils.time_in_iso8601(TIME), utils.date_in_iso8601(TIME), utils.datetime_in_iso8601(1)]
    assert_match(/\A\h{8}-\h{4}-4/, utils.uid)
  end
end

class AnalyticsRefusalsTest < Minitest::Test
  include AnalyticsHelp

  WHO = { user_id: "u" }.freeze

  def test_either_id_must_be_given
    AnalyticsMethodsTest::CALLS.each do |call, more|
      [{}, { user_id: nil, anonymous_id: nil }, { user_id: "", anonymous_id: "" }].each do |ids|
        assert_refused "Must supply either user_id or anonymous_id", call, more.merge(ids)
      end
      assert_equal true, analytics.public_send(call, more.merge(user_id: "", anonymous_id: "a"))
    end
  end

  def test_event_must_be_given
    [nil, ""].each { |event| assert_refused "event must be given", :track, WHO.merge(event: event) }
  end

  def test_previous_id_must_be_given
    [nil, ""].each { |id| assert_refused "previous_id must be given", :alias, WHO.merge(previous_id: id) }
  end

  def test_group_id_must_be_given
    [nil, ""].each { |id| assert_refused "group_id must be given", :group, WHO.merge(group_id: id) }
  end

  def test_a_screens_name_must_be_given
    [nil, ""].each { |name| assert_refused "name must be given", :screen, WHO.merge(name: name) }
  end

  def test_properties_must_be_a_hash
    [[:track, { event: "E" }], [:page, {}], [:screen, { name: "S" }]].each do |call, more|
      assert_refused "properties must be a Hash", call, WHO.merge(more).merge(properties: [1])
    end
  end

  def test_traits_must_be_a_hash
    [[:identify, {}], [:group, { group_id: "g" }]].each do |call, more|
      assert_refused "traits must be a Hash", call, WHO.merge(more).merge(traits: "text")
    end
  end

  def test_context_must_be_a_hash
    ["text", [1]].each { |context| assert_refused nil, :track, WHO.merge(event: "E", context: context), TypeError }
  end

  def test_what_is_checked_first
    wrong = { timestamp: 1, event: nil, previous_id: nil, group_id: nil, name: nil, properties: 1, traits: 1 }
    stages = { track: ["event must be given", :event, "properties must be a Hash"],
               group: ["group_id must be given", :group_id, "traits must be a Hash"],
               screen: ["name must be given", :name, "properties must be a Hash"] }
    stages.each do |call, (second, field, third)|
      assert_refused "Must supply either user_id or anonymous_id", call, wrong
      assert_refused "Timestamp must be a Time", call, wrong.merge(WHO)
      assert_refused second, call, wrong.merge(WHO).merge(timestamp: nil)
      assert_refused third, call, wrong.merge(WHO).merge(timestamp: nil, field => "x")
    end
    assert_refused "Timestamp must be a Time", :alias, wrong.merge(WHO).merge(context: "text")
  end

  def test_nothing_is_queued_by_a_call_that_raises
    made = analytics
    assert_raises(ArgumentError) { made.track(user_id: "u") }
    assert_equal 0, made.test_queue.count
  end

  def test_field_parser
    parser = Segmo::Analytics::FieldParser
    assert_equal "E", parser.parse_for_track(user_id: "u", event: "E")[:event]
    assert_equal({ a: 1 }, parser.parse_for_identify(user_id: "u", traits: { a: 1 })[:traits])
    assert_equal "g", parser.parse_for_group(user_id: "u", group_id: "g")[:groupId]
    assert_equal "p", parser.parse_for_alias(user_id: "u", previous_id: "p")[:previousId]
    assert_equal ["", "S"], [parser.parse_for_page(user_id: "u"), parser.parse_for_screen(user_id: "u", name: "S")].map { |m| m[:name] }
    assert_raises(ArgumentError) { parser.parse_for_track(user_id: "u") }
  end
end

class AnalyticsTestQueueTest < Minitest::Test
  include AnalyticsHelp

  def test_the_test_queue_sorts_by_type
    made = analytics
    AnalyticsMethodsTest::CALLS.each { |call, more| made.public_send(call, { user_id: "u" }.merge(more)) }
    queue = made.test_queue
    assert_equal 6, queue.count
    assert_equal %w[track identify group page screen alias], (0..5).map { |index| queue[index][:type] }
    assert_equal queue.all, queue.messages[:all]
    AnalyticsMethodsTest::CALLS.each_key do |type|
      assert_equal [type.to_s], queue.public_send(type).map { |message| message[:type] }
      assert_equal queue.public_send(type), queue.messages[type]
    end
  end

  def test_reset
    made = analytics
    made.track(user_id: "u", event: "E")
    assert_equal({}, made.test_queue.reset!)
    assert_equal [0, [], nil], [made.test_queue.count, made.test_queue.track, made.test_queue[0]]
  end

  def test_a_test_queue_alone
    queue = Segmo::Analytics::TestQueue.new
    queue << { type: "track", event: "E" }
    queue << { type: :page }
    assert_equal [2, 1, 1, 0], [queue.count, queue.track.count, queue.page.count, queue.alias.count]
    assert_raises(NoMethodError) { queue << { type: "dance" } }
  end

  def test_without_test_mode_there_is_no_test_queue
    refused = assert_raises(RuntimeError) { Segmo::Analytics.new(write_key: "WK1", stub: true).test_queue }
    assert_equal "Test queue only available when setting :test to true.", refused.message
  ensure
    Segmo::Analytics::Transport.stub = nil
  end

  def test_bang_turns_test_mode_on
    made = Segmo::Analytics.new(write_key: "WK1", stub: true)
    queue = made.test!
    made.track(user_id: "u", event: "E")
    assert_equal ["E"], queue.track.map { |message| message[:event] }
    assert_same queue, made.test_queue
    assert_equal 0, made.test!.count
  ensure
    Segmo::Analytics::Transport.stub = nil
  end
end

class AnalyticsLoggingTest < Minitest::Test
  include AnalyticsHelp

  def test_the_logger_can_be_set
    mine = Logger.new(StringIO.new)
    Segmo::Analytics::Logging.logger = mine
    [Segmo::Analytics, Segmo::Analytics::Client, analytics, Segmo::Analytics::Logging].each { |one| assert_same mine, one.logger }
  ensure
    Segmo::Analytics::Logging.logger = nil
  end

  def test_prefixed_logger
    log = StringIO.new
    prefixed = Segmo::Analytics::PrefixedLogger.new(Logger.new(log), "[mine]")
    %i[debug info warn error].each { |level| prefixed.public_send(level, "words") }
    assert_equal 4, log.string.scan("[mine] words\n").size
  end

  def with_rails(code)
    Open3.capture2e(RbConfig.ruby, "-I", GEM_LIB, "-e", <<~RUBY)
      require "logger"
      module Rails
        LOG = Logger.new($stdout, formatter: proc { |level, _, _, words| level + " " + words })
        def self.logger
          LOG
        end
      end
      require "segmo"
      #{code}
    RUBY
  end

  def test_rails_logger_is_used
    assert_equal "ERROR [segmo] words", with_rails("Segmo::Analytics.logger.error('words')").first
  end

  def test_without_rails_nothing_is_written
    said, = Open3.capture2e(RbConfig.ruby, "-I", GEM_LIB, "-r", "segmo", "-e", "Segmo::Analytics.logger.error('words')")
    assert_equal "", said
  end
end
