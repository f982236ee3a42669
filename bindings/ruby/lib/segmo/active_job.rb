# frozen_string_literal: true

require "active_job"

module Segmo
  # A job's calls get the context of whoever enqueued it. It travels with the job's own data, also through retries.
  # @api private
  module JobContext
    MEMBER = "segmo"

    def serialize
      carried = @segmo_context || Context.portable
      carried ? super.merge(MEMBER => carried) : super
    end

    def deserialize(job_data)
      super
      @segmo_context = job_data[MEMBER]
    end

    def perform_now
      @segmo_context ? Context.carrying(-> { @segmo_context }) { super } : super
    end
  end

  ::ActiveSupport.on_load(:active_job) { prepend JobContext }
end
