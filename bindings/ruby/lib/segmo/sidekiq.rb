# frozen_string_literal: true

require "sidekiq"

module Segmo
  # A job's calls get the context of whoever enqueued it. It travels with the job's own data, also through retries.
  # @api private
  module SidekiqContext
    MEMBER = "segmo"

    # Where jobs are enqueued. Active Job carries the context of its jobs itself.
    class Client
      def call(_job_class, job, _queue, _redis)
        carried = Context.portable unless job.key?(MEMBER) || job.key?("wrapped")
        job[MEMBER] = carried if carried
        yield
      end
    end

    # Where they run.
    class Server
      def call(_job_class, job, _queue, &perform)
        carried = job[MEMBER]
        carried ? Context.carrying(-> { carried }, &perform) : perform.call
      end
    end

    ::Sidekiq.configure_client { |config| config.client_middleware { |chain| chain.add Client } }
    ::Sidekiq.configure_server do |config|
      config.client_middleware { |chain| chain.add Client }
      config.server_middleware { |chain| chain.add Server }
    end
  end
end
