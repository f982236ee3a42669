# frozen_string_literal: true

module Segmo
  class Analytics
    # What holds where an option is not given.
    module Defaults
      # Where messages go.
      module Request
        HOST = "api.segment.io"
        PATH = "/v1/import"
        SSL = true
      end

      # One message.
      module Message
        MAX_BYTES = 32_768
      end

      # The pauses of a {Analytics::BackoffPolicy}.
      module BackoffPolicy
        MIN_TIMEOUT_MS = 100
        MAX_TIMEOUT_MS = 10_000
        MULTIPLIER = 1.5
        RANDOMIZATION_FACTOR = 0.5
      end
    end
  end
end
