# frozen_string_literal: true

# What Rails adds: settings from its places, the generator, jobs with context, notifications. Each application is a process.
require_relative "frameworks"

class RailsTest < SegmoTest
  def setup
    need "rails"
    super
    @root = File.join(work, "app")
    write("config.ru", "run App\n") # by which Rails knows its root
  end

  def write(path, text)
    path = File.join(@root, path)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
  end

  # Starts an application and runs code in it, from another directory than its own.
  # @return [Array(String, Process::Status)]
  def try_app(code, config: "", env: environment)
    write("app.rb", <<~RUBY)
      require "rails"
      require "action_controller/railtie"
      require "active_job/railtie"
      require "segmo"
      class App < Rails::Application
        config.root = __dir__
        config.eager_load = false
        config.logger = ActiveSupport::Logger.new($stdout)
        config.active_job.queue_adapter = :inline
        #{config}
      end
      App.initialize!
      App.config.logger.level = :error
      def told(name)
        Segmo::Settings.with_config(Segmo::Railtie.options(App.instance), Segmo::Railtie.file(App.instance)) { |config| Segmo::Settings.get(config, name) }
      end
      #{code}
    RUBY
    Timeout.timeout(PATIENCE_S) { Open3.capture2e({ "RUBYLIB" => GEM_LIB, "RAILS_ENV" => "production", "SECRET_KEY_BASE" => "0" * 64, **env }, RbConfig.ruby, File.join(@root, "app.rb"), chdir: work) }
  end

  def app(code, **options)
    said, status = try_app(code, **options)
    assert status.success?, said
    said
  end

  def credentials(text)
    write("config/master.key", "0123456789abcdef" * 2)
    require "active_support"
    require "active_support/encrypted_configuration"
    ActiveSupport::EncryptedConfiguration.new(config_path: File.join(@root, "config/credentials.yml.enc"), env_key: "NONE", raise_if_missing_key: true,
                                              key_path: File.join(@root, "config/master.key")).write(text)
  end

  def sent
    sandbox.messages.to_h { |message| [message["event"], message] }
  end
end

class RailsSettingsTest < RailsTest
  # Each place is asked for an option that the stronger ones do not say.
  def test_the_order_of_the_places
    write("config/segmo.yml", "shared: { spool: { max_bytes: 20MiB }, close: { timeout_ms: 4 } }\n" \
                              "production: { close: { timeout_ms: 3 }, delivery: { backoff_base_ms: 3 }, reports: { max: 3 }, segment: { host: http://file } }\n" \
                              "development: { close: { timeout_ms: 9 } }\n")
    credentials("segmo: { segment: { write_key: WKCREDENTIALS }, reports_max: 1, delivery_backoff_base_ms: 1 }")
    env = { "SEGMO_REPORTS_MAX" => "2", "SEGMO_DELIVERY_BACKOFF_BASE_MS" => "2", "SEGMO_SEGMENT_HOST" => "http://environment" }
    write("config/initializers/segmo.rb", "Rails.application.config.segmo.delivery_backoff_base_ms = 7\n")
    names = %w[spool.max_bytes close.timeout_ms segment.host reports.max delivery.backoff_base_ms segment.write_key]
    said = app("puts %w[#{names.join(" ")}].map { |name| told(name) }", env: env)
    assert_equal %w[20MiB 3 http://environment 1 7], said.lines.map(&:chomp).first(5)
    assert_match(/\AWKC\*/, said.lines.last)
  end

  def test_an_unknown_name_is_refused_at_the_start_with_the_nearest
    { "config" => -> { "config.segmo.segment_write_kye = 'WK'" },
      "file" => -> { write("config/segmo.yml", "segment: { write_kye: WK }") && nil },
      "credentials" => -> { write("config/segmo.yml", "") && credentials("segmo: { segment_write_kye: WK }") && nil } }.each do |place, say|
      said, status = try_app("puts 'started'", config: say.call)
      refute status.success?, "#{place}: #{said}"
      assert_match(/(segment_write_kye|segment\.write_kye|SEGMENT_WRITE_KYE).*(segment\.write_key|SEGMO_SEGMENT_WRITE_KEY).*Segmo::Error::Option/, said, place)
    end
  end

  def test_an_application_that_sends_nothing_needs_no_settings
    assert_equal "started\n", app("puts 'started'", env: {})
    refute File.exist?(File.join(work, "spool"))
  end

  def test_the_generators_files_work
    write("config/application.rb", "require 'rails'\nrequire 'action_controller/railtie'\nrequire 'segmo'\nclass App < Rails::Application; config.root = '#{@root}'; end\n")
    write("bin/rails", "APP_PATH = '#{@root}/config/application'\nrequire 'rails/commands'\n")
    said, status = Open3.capture2e({ "RUBYLIB" => GEM_LIB }, RbConfig.ruby, "bin/rails", "generate", "segmo:install", chdir: @root)
    assert status.success?, said
    assert_match(/create.*config\/segmo\.yml.*create.*config\/initializers\/segmo\.rb.*credentials:edit/m, said)
    code = "puts told('spool.dir'), Segmo.client.track(user_id: 'u', event: 'E'), Segmo.client.flush(timeout: #{PATIENCE_S}), Segmo.client.inspect"
    said = app(code, env: { "SEGMO_SEGMENT_WRITE_KEY" => "WK1", "SEGMO_SEGMENT_HOST" => sandbox.url })
    assert_equal ["#{File.realpath(@root)}/storage/segmo", "true", "true", "#<Segmo::Client open>"], said.lines.map(&:chomp)
    assert_equal ["E"], sent.keys
    assert_match(/u[*]* *|true/, app("puts Segmo.client.track(user_id: 'u', event: 'E')", env: { "RAILS_ENV" => "test" }))
    assert_equal 1, sandbox.stats["unique"], "a test of the application sent something"
  end

  # Nothing of a framework is loaded that the program did not load.
  def test_without_frameworks_none_is_loaded
    said, status = run_ruby(<<~RUBY)
      puts $LOADED_FEATURES.grep(%r{/(rack|rails|railties|active_\\w+|active\\w+-[\\d.]+|sidekiq)[./]})
      p Segmo.client.track(user_id: "u1", event: "E")
      p defined?(Segmo::Railtie), Segmo.constants.include?(:JobContext)
    RUBY
    assert status.success?
    assert_equal "true\nnil\nfalse\n", said
  end
end

class RailsRequestTest < RailsTest
  def test_filter_parameters_count_for_context
    app(<<~RUBY, config: "config.filter_parameters += [:token, /pass/]; config.secret_key_base = 'x' * 64; config.hosts.clear")
      class VisitsController < ActionController::Base
        def show
          Segmo.client.track(event: "Visited")
          head :ok
        end
      end
      App.routes.draw { get "reset/:token/:step" => "visits#show" }
      App.config.segmo.user_id = ->(request) { request.params["step"] }
      env = Rack::MockRequest.env_for("http://shop.example/reset/s3cret/2",
                                      "QUERY_STRING" => "q=1&user%5Bpassword%5D=s3cret&to%6ben=s3cret", "REMOTE_ADDR" => "10.0.0.1", "HTTP_X_FORWARDED_FOR" => "203.0.113.7, 10.0.0.2",
                                      "HTTP_REFERER" => "http://shop.example/?token=s3cret&a=b")
      status, _, body = App.call(env)
      body.close
      abort status.inspect unless status == 200
      abort "something stayed: \#{Segmo::Context.current}" unless Segmo::Context.current.empty?
    RUBY
    message = sent.fetch("Visited")
    assert_equal ["2", "203.0.113.7"], [message["userId"], message.dig("context", "ip")]
    search = "?q=1&user%5Bpassword%5D=[FILTERED]&to%6ben=[FILTERED]"
    assert_equal({ "path" => "/reset/[FILTERED]/2", "search" => search, "url" => "http://shop.example/reset/[FILTERED]/2#{search}",
                   "referrer" => "http://shop.example/?token=[FILTERED]&a=b" }, message.dig("context", "page"))
  end
end

class RailsWithoutRequestContextTest < RailsTest
  def test_the_middleware_can_be_taken_out
    said = app("puts App.middleware.map(&:name).grep(/Segmo|Session/)", config: "config.middleware.delete Segmo::Rack::RequestContext")
    assert_equal "ActionDispatch::Session::CookieStore\n", said
  end
end

class RailsJobsTest < RailsTest
  JOBS = <<~RUBY
    class EventJob < ActiveJob::Base
      retry_on(RuntimeError, attempts: 2, wait: 0) { |job, _| Segmo.client.track(event: "Gave up", anonymous_id: "nobody") if Segmo::Context.current.empty? }
      def perform(name, fail = false)
        Segmo.client.track(event: name, anonymous_id: ("nobody" if Segmo::Context.current.empty?))
        raise "boom" if fail
      end
    end
  RUBY

  def test_a_job_has_the_context_of_its_request
    app(<<~RUBY)
      #{JOBS}
      Segmo::Context.use(user_id: 7, context: { ip: "203.0.113.7", at: Time.at(0).utc }) { EventJob.perform_later("Inside") }
      EventJob.perform_later("Outside")
      Segmo::Context.use(user_id: "u2") { EventJob.perform_now("Now") }
      data = Segmo::Context.use(user_id: "u3") { EventJob.new("Queued").serialize }
      data = JSON.parse(JSON.generate(data))
      Segmo::Context.use(user_id: "other") do
        ActiveJob::Base.execute(data)
        abort "enqueued again it is somebody else's" unless ActiveJob::Base.deserialize(data).serialize["segmo"] == data["segmo"]
      end
      data.delete("segmo")
      ActiveJob::Base.execute(data.merge("arguments" => ["Of an older version"]))
    RUBY
    ids = sent.transform_values { |message| message.values_at("userId", "anonymousId") }
    assert_equal({ "Inside" => ["7", nil], "Outside" => [nil, "nobody"], "Now" => ["u2", nil], "Queued" => ["u3", nil], "Of an older version" => [nil, "nobody"] }, ids)
    assert_equal ["203.0.113.7", "1970-01-01T00:00:00Z"], sent["Inside"]["context"].values_at("ip", "at")
  end

  def test_it_keeps_it_when_it_is_tried_again
    app(<<~RUBY, config: "config.active_job.queue_adapter = :async")
      #{JOBS}
      Segmo::Context.use(user_id: "u1") { EventJob.perform_later("Tried", true) }
      1000.times { sleep 0.02 if Segmo.client.stats.dig("destinations", "segment", "accepted").to_i < 2 }
    RUBY
    assert_equal %w[u1 u1], sandbox.messages.map { |message| message["userId"] }
    assert_equal ["Tried"], sandbox.messages.map { |message| message["event"] }.uniq
  end
end

class RailsNotificationsTest < RailsTest
  SUBSCRIBE = <<~RUBY
    %w[deliver dead].each do |kind|
      ActiveSupport::Notifications.subscribe("\#{kind}.segmo") do |name, _, _, _, report|
        puts "\#{name} \#{report["destination"]} \#{report["reason"]}"
        raise "a subscriber's fault"
      end
    end
  RUBY

  def outcomes(config = "")
    sandbox.script({ status: 413, match: "Bad" })
    app(<<~RUBY, config: config)
      Segmo.client.track(user_id: "u1", event: "Good")
      Segmo.client.flush(timeout: #{PATIENCE_S})
      Segmo.client.track(user_id: "u1", event: "Bad")
      Segmo.client.close(timeout: #{PATIENCE_S})
    RUBY
  end

  # A subscriber that raises costs nobody else a report.
  def test_outcomes_are_told
    write("config/initializers/segmo.rb", SUBSCRIBE)
    said = outcomes("config.segmo.on_report = ->(report) { puts report.kind }; config.segmo.on_error = ->(report) { puts 'error' }")
    assert_equal ["deliver.segmo segment ", "delivered", "dead.segmo segment too_large", "dead", "error"], said.lines.grep_v(/a callback raised/).map(&:chomp)
    assert_equal 2, said.scan("segmo: a callback raised").size
  end

  def test_deliveries_are_reported_only_to_those_who_listen
    assert_equal "dead\n", outcomes("config.segmo.on_report = ->(report) { puts report.kind }")
  end
end
