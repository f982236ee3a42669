# frozen_string_literal: true

# The Ruby side of the benchmark: one measurement a process, one line of JSON. ruby.py starts it.
#
#     track.rb MODE SIDE EVENTS [NAME=VALUE ...]
#
# MODE   call: what one call costs; deliver: from the first call to the last answer; outage: calls until it is killed;
#        lock: a Ruby thread beside a flush that waits; interrupt: Ctrl-C in a flush that waits
# SIDE   segmo, or peer (analytics-ruby, from the directory that ANALYTICS_RUBY names or as an installed gem)
# EVENTS a file of messages, one a line; NAMEs: url, spool, count
require "json"

MODE, SIDE, EVENTS, *rest = ARGV
GIVEN = rest.to_h { |word| word.split("=", 2) }
COUNT = GIVEN.fetch("count", "10000").to_i

def monotonic(unit = :float_second)
  Process.clock_gettime(Process::CLOCK_MONOTONIC, unit)
end

def cpu_s
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
end

def median(values)
  values.sort[values.size / 2]
end

# As a Ruby program would write them: symbols for names.
def symbols(value)
  case value
  when Hash then value.to_h { |key, inner| [key.to_sym, symbols(inner)] }
  when Array then value.map { |inner| symbols(inner) }
  else value
  end
end

MESSAGES = File.foreach(EVENTS).first(1000).map { |line| symbols(JSON.parse(line)).slice(:type, :userId, :event, :properties, :context) }

# segmo with its durable spool and gzip, as it comes.
class SegmoSide
  def initialize
    require "segmo"
    @client = Segmo::Client.new({ "segment.write_key" => "bench", "segment.host" => GIVEN.fetch("url"),
                                  "spool.dir" => GIVEN.fetch("spool") }, config: false)
  end

  def track(message, properties = message[:properties])
    @client.track(user_id: message[:userId], event: message[:event], properties: properties, context: message[:context])
  end

  def finish
    @client.flush(timeout: 600)
    @client.stats["destinations"]["segment"]["delivered"]
  end

  attr_reader :client
end

# The library that is replaced. It cannot be told to speak plain HTTP (`ssl: false` is turned back), hence the reach inside.
class PeerSide
  QUEUE = 10_000

  def initialize
    $LOAD_PATH.unshift(File.join(ENV["ANALYTICS_RUBY"], "lib")) if ENV["ANALYTICS_RUBY"]
    require "logger"
    require "segment/analytics"
    Segment::Analytics::Logging.logger = Logger.new(File::NULL)
    url = URI(GIVEN.fetch("url"))
    @refused = 0
    @analytics = Segment::Analytics.new(write_key: "bench", host: url.host, port: url.port, max_queue_size: QUEUE,
                                        on_error: ->(_, _) { @refused += 1 })
    worker = @analytics.instance_variable_get(:@client).instance_variable_get(:@worker)
    worker.instance_variable_get(:@transport).instance_variable_get(:@http).use_ssl = false
  end

  # It drops what its queue cannot hold, so a sender that wants to lose nothing has to wait.
  def track(message, properties = message[:properties].dup)
    sleep 0.002 while @analytics.queued_messages >= QUEUE - 1
    @analytics.track(user_id: message[:userId], event: message[:event], properties: properties, context: message[:context].dup)
  end

  def finish
    @analytics.flush
    COUNT
  end
end

def side
  @side ||= SIDE == "peer" ? PeerSide.new : SegmoSide.new
end

# What each call takes, beside writing the same message as JSON, by turns.
def call
  writing, calling = [], []
  MESSAGES.each { |message| side.track(message) }
  (COUNT / MESSAGES.size).times do
    MESSAGES.each do |message|
      started = monotonic(:nanosecond)
      JSON.generate(message)
      writing << monotonic(:nanosecond) - started
    end
    MESSAGES.each do |message|
      started = monotonic(:nanosecond)
      side.track(message)
      calling << monotonic(:nanosecond) - started
    end
  end
  { json_ns: median(writing), call_ns: median(calling) }
end

def deliver
  side
  cpu, started = cpu_s, monotonic
  COUNT.times { |i| message = MESSAGES[i % 1000]; side.track(message, message[:properties].merge(seq: i)) }
  delivered = side.finish
  seconds = monotonic - started
  { delivered: delivered, events_per_s: COUNT / seconds, cpu_s_per_100k: (cpu_s - cpu) * 100_000 / COUNT }
end

# Says when everything was accepted, and waits to be killed.
def outage
  COUNT.times { |i| side.track(MESSAGES[i % 1000]) }
  puts JSON.generate(accepted: COUNT)
  $stdout.flush
  sleep
end

def lock
  side.track(MESSAGES.first)
  idle, waiting = [], []
  flushing = nil
  5.times do
    idle << turns
    flushing = Thread.new { side.client.flush(timeout: 60) }
    sleep 0.1
    waiting << turns
    flushing.kill.join
  end
  { kept: waiting.max.to_f / idle.max }
end

def turns(seconds = 0.3)
  count, ends = 0, monotonic + seconds
  count += 1 while monotonic < ends
  count
end

def interrupt
  side.track(MESSAGES.first)
  took = Array.new(10) do
    sent = nil
    Thread.new { sleep 0.15; sent = monotonic; Process.kill("INT", Process.pid) }
    begin
      side.client.flush(timeout: 60)
    rescue Interrupt
      monotonic - sent
    end
  end
  { worst_ms: took.max * 1000 }
end

puts JSON.generate(send(MODE))
$stdout.flush
exit!(0)
