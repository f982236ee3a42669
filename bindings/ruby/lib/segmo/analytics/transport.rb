# frozen_string_literal: true

module Segmo
  class Analytics
    # Only the switch of what carried messages in analytics-ruby; {Segmo::Client} carries them here.
    module Transport
      class << self
        # @param stub [Boolean, nil] true: no client of this process keeps or sends what it is given
        attr_writer :stub

        # @return [Object] true, or what the environment variable STUB says
        def stub
          @stub || ENV["STUB"]
        end
      end
    end
  end
end
