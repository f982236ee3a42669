# frozen_string_literal: true

# How processes end, fork and wait, with the gem inside. Each program is a real one.
require_relative "helper"

class WaitingTest < SegmoTest
  # `make bench` says how much of their speed they keep; a call that held the lock would leave nothing.
  def test_other_threads_run_while_flush_waits
    sandbox.script({ latency_ms: 20_000 })
    client = open_client
    client.track(user_id: "u1", event: "E")
    idle = best_of(4) { count_for(0.15) }
    waiting = Thread.new { client.flush(timeout: 4) }
    sleep 0.05
    while_waiting = best_of(4) { count_for(0.15) }
    assert waiting.alive?, "flush did not wait"
    assert_operator while_waiting, :>=, idle * 0.2
    waiting.kill
  end

  # The best of several is what the machine can do; whatever else runs on it only takes away.
  def best_of(times, &count)
    Array.new(times, &count).max
  end

  def count_for(seconds)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    count = 0
    count += 1 while Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline
    count
  end

  %w[flush poll close].each do |call|
    define_method("test_ctrl_c_ends_a_waiting_#{call}") do
      sandbox.script({ latency_ms: 60_000 })
      code = <<~RUBY
        client = Segmo::Client.new(close_timeout_ms: 100)
        client.track(user_id: "u1", event: "E") unless #{call == "poll"}
        puts "waiting"
        begin
          client.#{call}(timeout: 60)
        rescue Interrupt
          puts "interrupted"
        end
      RUBY
      IO.popen(environment, [RbConfig.ruby, "-I", GEM_LIB, "-rsegmo", "-e", "$stdout.sync = true\n#{code}"]) do |program|
        assert_equal "waiting\n", program.gets
        sleep 0.2
        Process.kill("INT", program.pid)
        Timeout.timeout(PATIENCE_S) { assert_equal "interrupted\n", program.gets }
      end
    end
  end

  def test_timeout_and_kill_end_a_waiting_flush
    sandbox.script({ latency_ms: 60_000 })
    client = open_client
    client.track(user_id: "u1", event: "E")
    assert_raises(Timeout::Error) { Timeout.timeout(0.3) { client.flush(timeout: 60) } }
    waiting = Thread.new { client.flush(timeout: Float::INFINITY) }
    sleep 0.1
    assert waiting.kill.join(PATIENCE_S)
  end

  def test_an_interrupted_close_closes_all_the_same
    sandbox.script({ latency_ms: 60_000 })
    client = open_client
    client.track(user_id: "u1", event: "E")
    assert_raises(Timeout::Error) { Timeout.timeout(0.3) { client.close(timeout: 60) } }
    assert_raises(Segmo::Error::Closed) { client.track(user_id: "u1", event: "E") }
    assert_equal false, client.close, "something is pending"
  end
end

# What was accepted arrives, however the process ends: now, or by the next client on the directory.
class EndingTest < SegmoTest
  COUNT = 10_000

  def assert_all_arrive(ending, model: ending, succeeds: nil, signal: nil)
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new
      #{COUNT}.times { |i| client.track(user_id: "u\#{i % 7}", event: "E", message_id: "m\#{i}") }
      #{LAST_WORDS}
      #{ending}
    RUBY
    end_s = since_last_words(said)
    assert_equal succeeds, status.success?, said unless succeeds.nil?
    assert_equal signal, status.termsig, said if signal
    next_client = open_client
    wait_until("all have arrived") { sandbox.stats["unique"] == COUNT }
    next_client.flush(timeout: PATIENCE_S)
    stats = record(model, COUNT, end_s)
    assert_equal COUNT, stats["unique"]
    assert_equal 0, stats["order_violations"]
  end

  def test_exit_without_flush
    assert_all_arrive("", model: "an end without close", succeeds: true)
    assert_equal 0, sandbox.stats["duplicates"]
  end

  def test_an_exit_without_flush_delivers_by_itself
    _, status = run_ruby('Segmo::Client.new.track(user_id: "u1", event: "E")')
    assert status.success?
    assert_equal 1, sandbox.stats["unique"]
  end

  def test_a_client_that_nothing_refers_to_any_more_still_delivers
    said, status = run_ruby(<<~RUBY)
      10.times { Segmo::Client.new.track(user_id: "u1", event: "E"); GC.start }
    RUBY
    assert status.success?, said
    assert_equal 10, sandbox.stats["unique"]
  end

  def test_exit_bang
    assert_all_arrive("exit!(0)", model: "exit!", succeeds: true)
  end

  def test_an_exception
    assert_all_arrive('raise "boom"', model: "an exception", succeeds: false)
  end

  def test_sigterm
    assert_all_arrive('Process.kill("TERM", Process.pid); sleep', model: "SIGTERM")
  end

  def test_sigkill
    assert_all_arrive('Process.kill("KILL", Process.pid); sleep', model: "SIGKILL", signal: Signal.list["KILL"])
  end

  def test_exec
    assert_all_arrive('exec("true")', model: "exec of another program", succeeds: true)
  end

  def test_an_outage_does_not_hold_up_the_exit
    sandbox.script({ status: 503 })
    said, status = Timeout.timeout(PATIENCE_S) { run_ruby(<<~RUBY) }
      client = Segmo::Client.new(close_timeout_ms: 300)
      client.track(user_id: "u1", event: "E")
    RUBY
    assert status.success?, said
    sandbox.script
    open_client.flush(timeout: PATIENCE_S)
    assert_equal 1, sandbox.stats["unique"]
  end

  # One after the other they would take longer than a program may take here.
  def test_clients_end_side_by_side
    sandbox.script({ status: 503 })
    said, status = run_ruby(<<~RUBY)
      35.times do |i|
        Segmo::Client.new(spool_dir: "spool/\#{i}", close_timeout_ms: 2000).track(user_id: "u1", event: "E")
      end
    RUBY
    assert status.success?, said
  end

  def test_what_is_accepted_while_the_process_ends_is_sent
    said, status = run_ruby(<<~RUBY)
      client = nil
      at_exit { client.track(user_id: "u1", event: "last words") }
      client = Segmo::Client.new
      client.track(user_id: "u1", event: "before")
    RUBY
    assert status.success?, said
    assert_equal 2, sandbox.stats["unique"]
  end

  def test_a_client_opened_while_the_process_ends_is_flushed_too
    said, status = run_ruby(<<~RUBY)
      at_exit { Segmo::Client.new.track(user_id: "u1", event: "last words") }
      Segmo::Client.new.track(user_id: "u1", event: "before")
    RUBY
    assert status.success?, said
    assert_equal 2, sandbox.stats["unique"]
  end
end

class SignalTest < SegmoTest
  # With callbacks, too, whose thread a handler cannot wait for.
  def test_a_signal_handler_may_flush_and_close
    said, status = run_ruby(<<~RUBY)
      heard = 0
      client = Segmo::Client.new({ reports_delivered: true }, on_report: ->(_report) { heard += 1 })
      client.track(user_id: "u1", event: "E")
      trap("TERM") do
        puts client.flush, client.close, heard
        exit
      end
      Process.kill("TERM", Process.pid)
      sleep
    RUBY
    assert status.success?, said
    assert_equal %w[true true 1], said.split
    assert_equal 1, sandbox.stats["unique"]
  end

  # A handler runs in the middle of what the main thread does, also of an accepting call.
  def test_a_signal_handler_may_track
    record = File.join(work, "received.ndjson")
    @sandbox.stop
    @sandbox = Sandbox.new("--record", record)
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new
      handled = 0
      trap("USR1") { client.track(user_id: "handler", event: "In handler", properties: { n: handled += 1 }) }
      sender = Process.spawn("for i in $(seq 60000); do kill -USR1 \#{Process.pid}; done")
      sent = 0
      until Process.wait(sender, Process::WNOHANG)
        client.track(user_id: "main", event: "In main", properties: { n: sent += 1 })
        client.stats if (sent % 10).zero?
      end
      client.flush(timeout: #{PATIENCE_S})
      puts sent + handled, handled
    RUBY
    assert status.success?, said
    total, handled = said.lines.map(&:to_i)
    assert_operator handled, :>, 0
    assert_equal [total, 0], sandbox.stats.values_at("unique", "duplicates")
    events = File.foreach(record).map { |line| JSON.parse(line)["message"].values_at("event", "properties") }
    assert_equal total, events.uniq.size, "a message was taken for another"
  end
end

class ForkTest < SegmoTest
  def test_a_client_from_before_the_fork_works_in_both
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new
      client.track(user_id: "parent", event: "before")
      children = 4.times.map do |n|
        fork { 2000.times { |i| client.track(user_id: "child\#{n}", event: "in child", properties: { i: i }) } }
      end
      1999.times { |i| client.track(user_id: "parent", event: "in parent", properties: { i: i }) }
      children.each { |pid| Process.wait(pid); abort "child failed" unless $?.success? }
      #{LAST_WORDS}
    RUBY
    end_s = since_last_words(said)
    assert status.success?, said
    stats = record("fork, 4 children", 10_000, end_s)
    assert_equal [10_000, 0, 0], stats.values_at("unique", "duplicates", "order_violations")
  end

  def test_forks_while_threads_track
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new
      threads = 4.times.map { |n| Thread.new { 1250.times { |i| client.track(user_id: "thread\#{n}", event: "E", properties: { i: i }) } } }
      children = 10.times.map { |n| fork { 500.times { |i| client.track(user_id: "child\#{n}", event: "E", properties: { i: i }) } } }
      children.each { |pid| Process.wait(pid); abort "child failed" unless $?.success? }
      threads.each(&:join)
      #{LAST_WORDS}
    RUBY
    end_s = since_last_words(said)
    assert status.success?, said
    stats = record("fork while 4 threads track", 10_000, end_s)
    assert_equal [10_000, 0, 0], stats.values_at("unique", "duplicates", "order_violations")
  end

  def test_callbacks_go_on_in_the_child
    said, status = run_ruby(<<~RUBY)
      $stdout.sync = true
      client = Segmo::Client.new(reports_delivered: true, on_report: ->(report) { puts "\#{Process.pid} \#{report.kind}" })
      pid = fork { client.track(user_id: "u1", event: "E"); client.flush(timeout: 20) }
      Process.wait(pid)
      puts pid
    RUBY
    assert status.success?, said
    pid = said.lines.last.strip
    assert_includes said, "#{pid} delivered\n"
  end

  def test_a_child_that_never_used_the_client_leaves_no_trace
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new(close_timeout_ms: 20_000)
      spools = -> { Dir[File.join(ENV["SEGMO_SPOOL_DIR"], "*")].sort }
      client.track(user_id: "u1", event: "E")
      client.flush
      before = spools.call
      Process.wait(fork { client = nil; GC.start })
      abort "the child failed" unless $?.success?
      abort "\#{before} \#{spools.call}" unless spools.call == before
      client.track(user_id: "u1", event: "E2")
      client.flush
    RUBY
    assert status.success?, said
    assert_equal [2, 0], sandbox.stats.values_at("unique", "duplicates")
  end

  def test_a_daemon
    said, status = run_ruby(<<~RUBY)
      client = Segmo::Client.new
      5000.times { |i| client.track(user_id: "u1", event: "before", properties: { i: i }) }
      Process.daemon(true)
      5000.times { |i| client.track(user_id: "u2", event: "after", properties: { i: i }) }
      200.times { sleep 0.1 unless File.exist?("stop") }
      at_exit { File.write("ended", "") }
      client.close
    RUBY
    assert status.success?, said
    wait_until("daemon and parent have delivered") { sandbox.stats["unique"] == 10_000 }
    FileUtils.touch(File.join(work, "stop"))
    stop = now
    wait_until("the daemon has ended") { File.exist?(File.join(work, "ended")) }
    record("Process.daemon", 10_000, now - stop)
    assert_equal 0, sandbox.stats["order_violations"]
  end

  def test_finalizers_in_a_child_free_nothing_shared
    said, status = run_ruby(<<~RUBY)
      clients = 5.times.map { Segmo::Client.new }
      clients.each { |client| client.track(user_id: "u1", event: "E") }
      pid = fork { clients = nil; 3.times { GC.start } }
      Process.wait(pid)
      abort "the child died: \#{$?}" unless $?.success?
      clients.each { |client| client.track(user_id: "u1", event: "E"); client.close }
    RUBY
    assert status.success?, said
    assert_equal [10, 0], sandbox.stats.values_at("unique", "duplicates")
  end
end
