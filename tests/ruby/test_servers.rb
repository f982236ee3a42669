# frozen_string_literal: true

# Servers that fork and that are stopped in the middle of their work: nothing is lost, nothing comes twice.
require_relative "helper"
require "socket"

class ServersTest < SegmoTest
  COUNT = 10_000

  def teardown
    @started&.each { |pid| end_of(pid, "KILL") }
    super
  end

  def start(*command, env: {})
    log = File.join(work, "log-#{(@started ||= []).size}")
    pid = Process.spawn(environment.merge("RUBYLIB" => GEM_LIB, **env), *command, chdir: work, out: log, err: log)
    @started << pid
    pid
  end

  # @return [Process::Status, nil] nil: it had ended before
  def end_of(pid, signal = "TERM")
    return unless @started.delete(pid)

    Process.kill(signal, pid)
    Timeout.timeout(PATIENCE_S) { Process.wait2(pid)[1] }
  end

  def logs
    Dir[File.join(work, "log-*")].map { |log| File.read(log) }.join
  end

  def free_port
    TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
  end

  # @return [Float] how long it took, in seconds
  def stopped(pid)
    start = now
    assert end_of(pid), logs
    now - start
  end

  def assert_all_came_once(count, model, end_s)
    open_client.flush(timeout: PATIENCE_S) # sends what a process may have left behind
    wait_until("all have arrived: #{sandbox.stats}") { sandbox.stats["unique"] >= count }
    assert_equal [count, 0], record(model, count, end_s).values_at("unique", "duplicates"), logs
  end

  # The application tracks in the master, too, before its workers are forked.
  def test_a_puma_cluster_that_preloads
    skip "not run: puma is not installed" unless Gem.try_activate("puma")
    File.write(File.join(work, "config.ru"), <<~RUBY)
      require "segmo"
      CLIENT = Segmo::Client.new
      CLIENT.track(user_id: "master", event: "Preloaded")
      run(lambda do |env|
        n = env["PATH_INFO"].delete("/").to_i
        #{COUNT / 1000}.times { |i| CLIENT.track(user_id: "request\#{n}", event: "Visited", properties: { i: i }) }
        [200, {}, [Process.pid.to_s]]
      end)
    RUBY
    File.write(File.join(work, "puma.rb"), "workers 4\npreload_app!\nthreads 1, 2\nbind 'tcp://127.0.0.1:#{port = free_port}'\n")
    puma = start("puma", "-C", "puma.rb")
    wait_until("puma answers: #{logs}") { Net::HTTP.get(URI("http://127.0.0.1:#{port}/0")) rescue nil }
    workers = Array.new(4) { |t| Thread.new { (1...1000).select { |n| n % 4 == t }.map { |n| visit(port, n) } } }.flat_map(&:value)
    assert_operator workers.uniq.size, :>, 1, "one worker answered everything"
    assert_all_came_once(COUNT + 1, "Puma, a cluster of 4 that preloads", stopped(puma))
    assert_equal 0, sandbox.stats["order_violations"]
  end

  def visit(port, number)
    Net::HTTP.get(URI("http://127.0.0.1:#{port}/#{number}"))
  end

  def test_sidekiq_stopped_in_the_middle
    skip "not run: sidekiq is not installed" unless Gem.try_activate("sidekiq")
    skip "not run: redis-server is not installed" unless system("which redis-server >/dev/null")
    url = "redis://127.0.0.1:#{port = free_port}/0"
    start("redis-server", "--port", port.to_s, "--save", "", "--dir", work)
    File.write(File.join(work, "jobs.rb"), <<~RUBY)
      require "sidekiq"
      require "segmo"
      CLIENT = Segmo::Client.new
      class EventJob
        include Sidekiq::Worker
        def perform(number)
          CLIENT.track(user_id: "job\#{number % 50}", event: "Worked", message_id: "job-\#{number}")
        end
      end
    RUBY
    env = { "REDIS_URL" => url }
    wait_until("redis answers") { TCPSocket.new("127.0.0.1", port).close || true rescue nil }
    said, status = run_ruby(<<~RUBY, env: environment.merge(env))
      require "./jobs"
      Sidekiq::Client.push_bulk("class" => EventJob, "args" => (0...#{COUNT}).map { |n| [n] })
    RUBY
    assert status.success?, said
    stopped_early = 2.times.count do
      sidekiq = start("sidekiq", "-r", "./jobs.rb", "-c", "5", env: env)
      before = sandbox.stats["unique"]
      wait_until("sidekiq works: #{logs}") { sandbox.stats["unique"] > before }
      end_of(sidekiq)
      sandbox.stats["unique"] < COUNT
    end
    assert_operator stopped_early, :>, 0, "it was never stopped in the middle"
    start("sidekiq", "-r", "./jobs.rb", "-c", "5", env: env)
    wait_until("all jobs are done: #{logs}") { sandbox.stats["unique"] >= COUNT }
    assert_all_came_once(COUNT, "Sidekiq, stopped in the middle twice", stopped(@started.last))
  end
end
