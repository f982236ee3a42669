# frozen_string_literal: true

# Request context and the campaign export, behind a real server.
require_relative "frameworks"
require "logger"
require "stringio"

class RackTest < SegmoTest
  def setup
    need "rack", "puma", "puma/server"
    super
    @client = open_client
  end

  def teardown
    @server&.stop
    super
  end

  def serve(app)
    @server = AppServer.new(app)
  end
end

class RequestContextTest < RackTest
  BROWSER = { "User-Agent" => "Mozilla/5.0", "Accept-Language" => "en;q=0.8, de-CH, *;q=0.1", "Cookie" => "ajs_anonymous_id=%22anon-1%22; a=b",
              "Referer" => "http://shop.example/search?q=shoes", "Host" => "shop.example", "X-Forwarded-For" => "203.0.113.7" }.freeze

  def app(user_id: nil, &tracking)
    client = @client
    tracking ||= ->(_env) { client.track(event: "E") }
    inner = lambda do |env|
      body = tracking.call(env)
      [200, {}, body.respond_to?(:each) ? body : ["ok"]]
    end
    Segmo::Rack::RequestContext.new(inner, user_id: user_id)
  end

  def sent
    assert @client.flush(timeout: PATIENCE_S)
    sandbox.messages.map { |message| message.merge("context" => message["context"].reject { |name, _| name == "library" }) }
  end

  def test_what_a_request_tells
    serve(app(user_id: ->(env) { env["QUERY_STRING"][/user=(\w+)/, 1] }))
    assert_equal "200", @server.get("/cart/pay?user=u7&q=1", BROWSER).code
    message = sent.first
    assert_equal %w[u7 anon-1], message.values_at("userId", "anonymousId")
    assert_equal({ "ip" => "203.0.113.7", "userAgent" => "Mozilla/5.0", "locale" => "de-CH",
                   "page" => { "path" => "/cart/pay", "search" => "?user=u7&q=1", "url" => "http://shop.example/cart/pay?user=u7&q=1",
                               "referrer" => "http://shop.example/search?q=shoes" } }, message["context"])
  end

  def test_a_bare_request_adds_what_there_is
    serve(app { |_| @client.track(event: "E", user_id: "u1") })
    @server.raw("GET / HTTP/1.0\r\n\r\n")
    assert_equal %w[ip page], sent.first["context"].keys.sort
  end

  def test_the_user_is_asked_for_when_a_message_is_made
    asked = 0
    serve(app(user_id: ->(env) { asked += 1; env["user"] }) do |env|
      next if env["PATH_INFO"] == "/quiet"

      env["user"] = "before"
      @client.track(event: "E")
      env["user"] = "after"
      @client.track(event: "E")
    end)
    @server.get("/quiet")
    assert_equal 0, asked
    @server.get("/")
    assert_equal %w[before after], sent.map { |message| message["userId"] }
  end

  def test_a_body_that_is_made_while_it_is_sent
    client = @client
    serve(app(user_id: ->(_) { "u1" }) { Enumerator.new { |out| client.track(event: "E"); out << "ok" } })
    assert_equal "ok", @server.get("/").body
    assert_equal "u1", sent.first["userId"]
  end

  def test_nothing_of_a_request_stays_behind
    left = []
    inner = app(user_id: ->(_) { "u1" }) { |env| raise "boom" if env["PATH_INFO"] == "/boom" }
    serve(lambda do |env|
      left << Segmo::Context.current
      inner.call(env)
    end)
    %w[/ /boom / /boom /].each { |path| @server.get(path) }
    assert_equal [{}] * 5, left
  end

  # Whatever strangers write, tracking goes on, and nothing of theirs is too large for a message.
  def test_strange_requests
    strange = ["\xff\xfe", "\xc3\x28", "a" * 20_000, "%zz%00", "\xe2\x80", "::1::", "[", "%E0%A4%A"].map(&:b)
    serve(app { |_| @client.track(event: "E", user_id: "u1") })
    strange.each do |text|
      header = text.byteslice(0, 8000)
      answer = @server.raw("GET /#{header.gsub(/[^!-~]/n, "%ff").byteslice(0, 2000)}?#{header.byteslice(0, 2000)} HTTP/1.0\r\nUser-Agent: #{header}\r\n" \
                           "Referer: #{header}?#{header}\r\nAccept-Language: #{header};q=x\r\nCookie: ajs_anonymous_id=#{header}\r\n" \
                           "X-Forwarded-For: #{header}\r\nHost: #{header}\r\n\r\n".b)
      assert_match(/\AHTTP\/1\.[01] (200|400)/, answer, "#{text.byteslice(0, 20).inspect}: #{@server.log}")
      refute_match(/Segmo|Error/, @server.log)
    end
    assert_operator sent.size, :>=, strange.size - 2
    sent.each { |message| message["context"].each_value { |value| assert_operator value.to_s.size, :<, 5000 } }
  end
end

class CampaignExportTest < RackTest
  EVENT = { "event_name" => "Email Clicked", "event_code" => "MOE_EMAIL_CLICK", "event_uuid" => "ev-1", "event_time" => 1_767_607_872,
            "event_type" => "CAMPAIGN_EVENT", "event_source" => "MOENGAGE", "uid" => "u-77",
            "event_attributes" => { "campaign_id" => "c1" }, "user_attributes" => {}, "device_attributes" => {} }.freeze
  BEARER = { "Authorization" => "Bearer s3cret" }.freeze

  def mount(client: @client, **options)
    serve(Segmo::Rack::CampaignExport.new(secrets: "s3cret", client: client, **options))
  end

  def payload(*events)
    JSON.generate("app_name" => "Shop", "source" => "MOENGAGE", "moe_request_id" => "rq-1", "events" => events)
  end

  def basic(password)
    { "Authorization" => "Basic #{["anyone:#{password}"].pack("m0")}" }
  end

  def test_a_post_becomes_messages
    mount
    answer = @server.post("/", payload(EVENT, EVENT.merge("event_uuid" => "ev-2")), BEARER)
    assert_equal ["200", "application/json"], [answer.code, answer["Content-Type"]]
    assert_equal({ "status" => "success", "events" => 2, "accepted" => 2, "skipped" => {}, "rejected" => [] }, JSON.parse(answer.body))
    assert @client.flush(timeout: PATIENCE_S)
    assert_equal [%w[moengage-ev-1 u-77], %w[moengage-ev-2 u-77]], sandbox.messages.map { |message| message.values_at("messageId", "userId") }.sort
  end

  # The answer promises what a process that ends right after it cannot take back.
  def test_the_answer_comes_when_the_events_are_on_disk
    sandbox.script({ status: 503 })
    File.write(File.join(work, "config.ru"), "require 'segmo'\nrun Segmo::Rack::CampaignExport.new(secrets: 's3cret')\n")
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    puma = Process.spawn(environment.merge("RUBYLIB" => GEM_LIB), "puma", "-b", "tcp://127.0.0.1:#{port}", chdir: work, %i[out err] => File.join(work, "log"))
    answer = wait_until("puma answers") { Net::HTTP.post(URI("http://127.0.0.1:#{port}"), payload(EVENT), BEARER) rescue nil }
    Process.kill("KILL", puma)
    Process.wait(puma)
    assert_equal "200", answer.code
    sandbox.script
    wait_until("the next client sends it") { open_client.flush(timeout: 1) && sandbox.stats["unique"] == 1 }
  end

  def test_events_that_cannot_be_read_cost_no_other
    mount
    answer = @server.post("/", payload({ "event_name" => 7 }, EVENT, "no event"), BEARER)
    told = JSON.parse(answer.body)
    assert_equal ["200", 3, 1, 2], [answer.code, told["events"], told["accepted"], told["rejected"].size]
    assert_match(/campaign export: 2 of 3 events cannot be read and were left out: \/events\/0/, @server.log)
  end

  def test_every_form_of_the_secret
    serve(Segmo::Rack::CampaignExport.new(secrets: %w[old new], client: @client))
    good = [{ "Authorization" => "Bearer old" }, { "Authorization" => "bearer  new" }, basic("old"), basic("new")]
    bad = [{}, { "Authorization" => "Bearer" }, { "Authorization" => "Bearer ne" }, { "Authorization" => "Bearer newer" }, { "Authorization" => "new" },
           basic(""), basic("New"), { "Authorization" => "Basic !!!" }, { "Authorization" => "Digest new" }]
    assert_equal %w[200] * good.size, good.map { |headers| @server.post("/", payload, headers).code }
    assert_equal %w[401] * bad.size, bad.map { |headers| @server.post("/", payload(EVENT), headers).code }
    assert_equal 'Basic realm="campaign export"', @server.post("/", "", {})["WWW-Authenticate"]
    assert_equal 0, @client.stats["accepted"]
  end

  # Some servers take headers for text.
  def test_a_secret_that_is_no_text_is_refused
    export = Segmo::Rack::CampaignExport.new(secrets: "s3cret")
    ["Bearer \xff", "\xff", "Basic \xff"].each do |authorization|
      assert_equal 401, export.call("REQUEST_METHOD" => "POST", "HTTP_AUTHORIZATION" => authorization).first
    end
  end

  def test_without_a_secret_there_is_no_export
    [nil, "", [], ["good", ""]].each do |secrets|
      refused = assert_raises(Segmo::Error::Option) { Segmo::Rack::CampaignExport.new(secrets: secrets) }
      assert_equal "secrets", refused.field
    end
  end

  # `rails routes` shows what inspect says.
  def test_nothing_of_the_secret_is_in_what_inspect_shows
    refute_match(/secret|\h{8}|\\x/i, Segmo::Rack::CampaignExport.new(secrets: "secret").inspect)
  end

  def test_a_body_that_is_too_large
    mount(max_bytes: 1000)
    assert_equal "413", @server.post("/", "x" * 1001, BEARER).code
    chunks = Net::HTTP::Post.new("/", BEARER.merge("Transfer-Encoding" => "chunked"))
    chunks.body_stream = StringIO.new("x" * 5000)
    assert_equal "413", @server.request(chunks).code
    chunks = Net::HTTP::Post.new("/", BEARER.merge("Transfer-Encoding" => "chunked"))
    chunks.body_stream = StringIO.new(payload(EVENT))
    assert_equal "200", @server.request(chunks).code
  end

  def test_a_body_that_is_no_payload
    mount
    ["", "{", "[]", "null", '{"events": 1}', '{"source": "MOENGAGE"}', "\xff"].each do |body|
      answer = @server.post("/", body, BEARER)
      assert_equal ["400", "error"], [answer.code, JSON.parse(answer.body)["status"]], body
    end
    assert_match(/campaign export: a post was not accepted/, @server.log)
  end

  def test_other_methods
    mount
    answer = @server.get("/", BEARER)
    assert_equal %w[405 POST], [answer.code, answer["Allow"]]
  end

  def test_a_full_spool_asks_for_another_post
    sandbox.script({ status: 503 })
    small = open_client(spool_max_bytes: "16MiB", spool_dir: File.join(work, "small"))
    big = { "a" => "x" * 30_000 }
    assert_raises(Segmo::Error::Full) { 5000.times { small.track(user_id: "u", event: "E", properties: big) } }
    mount(client: small)
    answer = @server.post("/", payload(*Array.new(50) { |i| EVENT.merge("event_uuid" => "e#{i}", "event_attributes" => big) }), BEARER)
    assert_equal %w[503 30], [answer.code, answer["Retry-After"]], answer.body
  end

  def test_an_unknown_source_is_ours_to_repair
    mount(source: "nowhere")
    answer = @server.post("/", payload(EVENT), BEARER)
    assert_equal "500", answer.code
    assert_match(/no source has this id/, @server.log)
    refute_match(/source/, answer.body)
  end

  def test_without_a_destination_it_is_ours_to_repair_too
    serve(Segmo::Rack::CampaignExport.new(secrets: "s3cret"))
    assert_equal "500", @server.post("/", payload(EVENT), BEARER).code
    assert_match(/write_key/, @server.log)
  end

  def test_the_applications_logger_is_told
    log = StringIO.new
    export = Segmo::Rack::CampaignExport.new(secrets: "s3cret", client: @client)
    serve(->(env) { export.call(env.merge("rack.logger" => Logger.new(log))) })
    @server.post("/", "{", BEARER)
    assert_match(/ERROR.*campaign export/, log.string)
  end
end
