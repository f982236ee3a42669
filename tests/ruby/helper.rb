# frozen_string_literal: true

# What the gem's tests work with: the gem in place, the built program's sandbox as the peer, real child processes.
ENV["MT_NO_PLUGINS"] = "1" # the one of railties would load parts of ActiveSupport
require "minitest/autorun"
require "fileutils"
require "net/http"
require "open3"
require "tmpdir"
require "timeout"

ROOT = File.expand_path("../..", __dir__)
BUILD = ENV["SEGMO_TEST_BUILD"] || File.join(ROOT, "build/release")
PROGRAM = File.join(BUILD, "segmo")
GEM_LIB = File.join(ROOT, "bindings/ruby/lib")
RECORD = ENV["PROCESS_MODELS"] # where `make processes` gathers its table
PATIENCE_S = 30 # until something that must happen counts as not happening

ENV.delete_if { |name, _| name.start_with?("SEGMO_") && name != "SEGMO_LIB" }
$LOAD_PATH.unshift GEM_LIB
require "segmo"

# The built program as Segment and MoEngage, on a port of its own.
class Sandbox
  attr_reader :url

  def initialize(*options)
    @io = IO.popen([PROGRAM, "sandbox", "--port", "0", "--quiet", *options], err: File::NULL)
    @url = @io.gets.to_s[/http\S+/] or raise "the sandbox did not start"
  end

  def get(path)
    JSON.parse(Net::HTTP.get(URI(@url + path)))
  end

  def post(path, body = {})
    Net::HTTP.post(URI(@url + path), JSON.generate(body), "Content-Type" => "application/json").value
  end

  def stats(service = "segment")
    get("/stats").fetch(service)
  end

  # @return [Array<Hash>] the messages as they came
  def messages
    get("/messages?limit=10000").fetch("messages").map { |entry| entry.fetch("message") }
  end

  def script(*rules)
    post("/script", { service: "*", rules: rules, seed: 1 })
  end

  def stop
    Process.kill("TERM", @io.pid)
    @io.close
  end
end

class SegmoTest < Minitest::Test
  attr_reader :sandbox, :work

  def setup
    skip "not run: #{PROGRAM} is not built; `make` builds it" unless File.executable?(PROGRAM)
    @work = Dir.mktmpdir("segmo-ruby")
    @sandbox = Sandbox.new
    @clients = []
  end

  def teardown
    @clients&.each { |client| client.close(timeout: 0) }
    @sandbox&.stop
    FileUtils.rm_rf(@work) if @work
  end

  def settings(**more)
    { segment_write_key: "WK1", segment_host: sandbox.url, spool_dir: File.join(work, "spool"),
      delivery_backoff_base_ms: 50 }.merge(more)
  end

  def open_client(callbacks = {}, **more)
    Segmo::Client.new(settings(**more), config: false, **callbacks).tap { |client| @clients << client }
  end

  # The options of `settings` for a program of its own.
  def environment(**more)
    settings(**more).to_h { |name, value| ["SEGMO_#{name.upcase}", value.to_s] }
  end

  # Runs Ruby code that has the gem, in a process of its own.
  # @return [Array(String, Process::Status)] what it said, on both streams
  def run_ruby(code, env: environment, arguments: [])
    path = File.join(work, "program.rb")
    File.write(path, "require \"segmo\"\n#{code}")
    Timeout.timeout(PATIENCE_S * 2) do
      Open3.capture2e(env, RbConfig.ruby, "-I", GEM_LIB, path, *arguments, chdir: work)
    end
  end

  # One line for the table of `make processes`; answers the stats.
  def record(model, accepted, end_s)
    stats = sandbox.stats
    File.open(RECORD, "a") do |lines|
      lines.puts JSON.generate(language: "Ruby", model: model, accepted: accepted, arrived: stats["unique"], end_s: end_s,
                               doubled: stats["duplicates"], out_of_order: stats["order_violations"])
    end if RECORD
    stats
  end

  # The last statement of a program: the time it then takes is the time its end takes.
  LAST_WORDS = "$stdout.puts \"last words \#{Process.clock_gettime(Process::CLOCK_MONOTONIC)}\"; $stdout.flush\n"

  def since_last_words(said)
    now - said.scan(/last words (\S+)/).flatten.map(&:to_f).max
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def wait_until(what)
    deadline = now + PATIENCE_S
    until (answer = yield)
      flunk "waited #{PATIENCE_S} s in vain until #{what}" if now > deadline
      sleep 0.01
    end
    answer
  end
end
