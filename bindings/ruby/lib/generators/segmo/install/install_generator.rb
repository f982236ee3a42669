# frozen_string_literal: true

require "rails/generators/base"

module Segmo
  module Generators
    # `rails g segmo:install`: the settings file and an initializer, with what to do next.
    class InstallGenerator < ::Rails::Generators::Base
      source_root File.join(__dir__, "templates")
      desc "Adds config/segmo.yml and config/initializers/segmo.rb."

      def copy_settings
        copy_file "segmo.yml", "config/segmo.yml"
      end

      def copy_initializer
        copy_file "segmo.rb", "config/initializers/segmo.rb"
      end

      def say_what_is_next
        say <<~WORDS
          Next:
            1. Put the write key into the credentials (rails credentials:edit), beside what else is secret:
                 segmo:
                   segment_write_key: ...
               or into the environment as SEGMO_SEGMENT_WRITE_KEY.
            2. Say in config/initializers/segmo.rb who the user of a request is.
            3. Record something: Segmo.client.track(event: "Order Completed", properties: { total: 9.99 })
               In development it goes to `segmo sandbox --port 8099`, which needs no account.
        WORDS
      end
    end
  end
end
