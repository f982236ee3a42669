# frozen_string_literal: true

require "socket"

# A Rack application behind a real Puma, on a port of its own, inside the test's process.
class AppServer
  attr_reader :port

  def initialize(app)
    require "puma"
    require "puma/server"
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
