# frozen_string_literal: true

# Context in Sidekiq's jobs, and its end, with a real redis-server and real workers.
require_relative "frameworks"

class SidekiqTest < ProcessesTest
  JOBS = <<~RUBY
    require "sidekiq"
    require "sidekiq/api"
    require "active_job"
    require "segmo"
    require "segmo/active_job"
    ActiveJob::Base.queue_adapter = :sidekiq
    ActiveJob::Base.logger = nil

    class EventJob
      include Sidekiq::Worker
      def perform(name, failures = 0)
        failed = "failed-\#{jid}"
        if failures > 0 && !File.exist?(failed)
          File.write(failed, "")
          raise "boom"
        end
        Segmo.client.track(event: name, anonymous_id: ("nobody" if Segmo::Context.current.empty?))
        Inner.perform_async("Inner of \#{name}") if name == "Outer"
      end
    end

    class Inner < EventJob; end

    class ActiveEventJob < ActiveJob::Base
      def perform(name)
        Segmo.client.track(event: name)
      end
    end

    class LongJob
      include Sidekiq::Worker
      def perform
        Segmo.client.track(event: "Begun", anonymous_id: "a")
        sleep
      end
    end
  RUBY

  def setup
    need "sidekiq", "active_job"
    super
    File.write(File.join(work, "jobs.rb"), JOBS)
    @env = start_redis
  end

  def enqueue(code)
    said_by(RbConfig.ruby, "-r", "./jobs", "-e", code, env: @env)
  end

  def sidekiq(*options, env: {})
    start("sidekiq", "-r", "./jobs.rb", "-c", "2", *options, env: @env.merge(env))
  end

  def test_context_travels
    said = enqueue(<<~RUBY)
      Segmo::Context.use(user_id: "u1", context: { ip: "203.0.113.7" }) do
        EventJob.perform_async("Outer")
        EventJob.perform_async("Again", 1)
        ActiveEventJob.perform_later("Active")
      end
      EventJob.perform_async("Nobody's")
      Sidekiq::Queue.new("default").each { |job| puts job.item.to_json.scan("203.0.113.7").size }
    RUBY
    assert_equal %w[0 1 1 1], said.scan(/^\d$/).sort, "what is in Redis: #{said}"
    worker = sidekiq
    sent(4)
    enqueue("sleep 0.05 until Sidekiq::RetrySet.new.size > 0; Sidekiq::RetrySet.new.retry_all") # Sidekiq would wait longer
    messages = sent(5)
    end_of(worker)
    nobodys = messages.delete("Nobody's")
    assert_equal [nil, "nobody"], nobodys.values_at("userId", "anonymousId")
    assert_equal ["Active", "Again", "Inner of Outer", "Outer"], messages.keys.sort
    messages.each_value { |message| assert_equal ["u1", "203.0.113.7"], [message["userId"], message.dig("context", "ip")] }
  end

  def test_the_end_sends_what_waits
    enqueue("EventJob.perform_async('Last')")
    worker = sidekiq(env: { "SEGMO_DELIVERY_FLUSH_INTERVAL_MS" => "600000" })
    wait_until("the job is done:\n#{log}") { log.include?("done") }
    assert_equal 0, sandbox.stats["unique"]
    assert_predicate end_of(worker), :success?, log
    assert_equal 1, sandbox.stats["unique"]
  end

  # Sidekiq gives jobs its time, segmo takes its own after them, and what is left waits on disk.
  def test_the_end_has_its_limits
    sandbox.script({ latency_ms: 120_000 })
    enqueue("LongJob.perform_async")
    worker = sidekiq("-t", "1", env: { "SEGMO_CLOSE_TIMEOUT_MS" => "500" })
    wait_until("the job has begun:\n#{log}") { sandbox.stats["requests"].to_i > 0 }
    assert_predicate end_of(worker), :success?, log
    sandbox.script
    open_client.flush(timeout: PATIENCE_S)
    assert_equal "Begun", sandbox.messages.fetch(0)["event"]
  end
end
