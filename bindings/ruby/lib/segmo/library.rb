# frozen_string_literal: true

module Segmo
  # Which libsegmo is loaded: the one that the environment variable SEGMO_LIB names, else the one inside the gem.
  # @api private
  module Library
    INSIDE = File.expand_path("libsegmo.so.1", __dir__)

    module_function

    # @return [String] the path to load
    def path
      chosen = ENV["SEGMO_LIB"]
      return chosen if chosen && !chosen.empty?
      return INSIDE if File.exist?(INSIDE)

      raise LoadError, "segmo: #{INSIDE} is missing. Install the gem again (`gem install segmo` compiles the " \
                       "library), or let SEGMO_LIB name an installed libsegmo.so.1"
    end

    # Refuses a library that speaks another binary interface, or is older than these declarations.
    # @raise [LoadError]
    def check(version: Native.segmo_version, abi: Native.segmo_abi_version)
      return if abi == Native::ABI_VERSION && Gem::Version.new(version) >= Gem::Version.new(VERSION)

      raise LoadError, "segmo: #{path} is libsegmo #{version} with binary interface #{abi}; this gem, #{VERSION}, " \
                       "needs binary interface #{Native::ABI_VERSION} and at least #{VERSION}. Install the two in " \
                       "the same version, or unset SEGMO_LIB"
    end
  end
end
