# frozen_string_literal: true

require "socket"
require_relative "helper"

class SegmoTest
  # Skips the test where one of the libraries is not installed.
  def need(*libraries)
    libraries.each { |library| require library }
  rescue LoadError => e
    skip "not run: #{e.message}"
  end
end

# A Rack application behind a real Puma, on a port of its own, inside the test's process.
class AppServer
  attr_reader :port

  def initialize(app)
    @log = StringIO.new
    @server = Puma::Server.new(app, Puma::Events.new(@log, @log), min_threads: 1, max_threads: 2)
    @server.add_tcp_listener("127.0.0.1", 0)
    @port = @server.connected_ports.first
    @server.run
  end

  # @return [String] what the application wrote to rack.errors, and Puma to its log
  def log
    @log.string
  end

  def get(path, headers = {})
    request(Net::HTTP::Get.new(path, headers))
  end

  def post(path, body, headers = {})
    request(Net::HTTP::Post.new(path, headers), body)
  end

  # @return [Net::HTTPResponse]
  def request(request, body = nil)
    Net::HTTP.start("127.0.0.1", @port) { |http| http.request(request, body) }
  end

  # Bytes as they are, for what no HTTP library would send.
  # @return [String] the answer
  def raw(bytes)
    TCPSocket.open("127.0.0.1", @port) do |socket|
      socket.write(bytes)
      socket.read
    end
  end

  def stop
    @server.stop(true)
  end
end

# Tests whose programs are processes of their own, with what they say in one log.
class ProcessesTest < SegmoTest
  def teardown
    @started&.each { |pid| end_of(pid, "KILL") }
    super
  end

  # @return [Integer] its process id
  def start(*command, env: {}, directory: work)
    pid = Process.spawn(environment.merge("RUBYLIB" => GEM_LIB, **env), *command, chdir: directory, %i[out err] => [log_path, "a"])
    (@started ||= []) << pid
    pid
  end

  # @return [Process::Status]
  def end_of(pid, signal = "TERM")
    @started.delete(pid)
    Process.kill(signal, pid)
    Timeout.timeout(PATIENCE_S) { Process.wait2(pid)[1] }
  end

  # Runs a program to its end.
  # @return [String] what it said
  def said_by(*command, env: {}, directory: work)
    said, status = Open3.capture2e(environment.merge("RUBYLIB" => GEM_LIB, **env), *command, chdir: directory)
    assert status.success?, said
    said
  end

  def log
    File.exist?(log_path) ? File.read(log_path) : ""
  end

  def log_path
    File.join(work, "log")
  end

  def free_port
    TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
  end

  # @return [String] a copy of an example's directory
  def example(name)
    FileUtils.cp_r(File.join(ROOT, "docs/examples/ruby", name), work)
    File.join(work, name)
  end

  # @return [Hash{String => String}] what a program has to know to find the Redis that now runs
  def start_redis
    skip "not run: redis-server is not installed" unless system("which redis-server >/dev/null")
    start("redis-server", "--port", (port = free_port).to_s, "--save", "", "--dir", work)
    wait_until("redis answers") { TCPSocket.new("127.0.0.1", port).close || true rescue nil }
    { "REDIS_URL" => "redis://127.0.0.1:#{port}/0" }
  end

  # @return [Integer] the port where Puma serves the application of a directory
  def serve(directory, *options, env: {})
    port = free_port
    @puma = start("puma", "-b", "tcp://127.0.0.1:#{port}", *options, env: env, directory: directory)
    wait_until("puma listens:\n#{log}") { TCPSocket.new("127.0.0.1", port).close || true rescue nil }
    port
  end

  # @return [Hash{String => Hash}] the only message of each event's, page's or call's name
  def sent(count)
    wait_until("#{count} messages have arrived: #{sandbox.stats}\n#{log}") { sandbox.stats["unique"] >= count }
    messages = sandbox.messages
    assert_equal count, messages.size, log
    messages.to_h { |message| [message["event"] || message["name"] || message["type"], message] }
  end
end
