# frozen_string_literal: true

require "fileutils"
require_relative "lib/segmo/version"

# In a clone of the repository the gem's copy of the core is made from the core itself, right before a gem is built.
root = File.expand_path("../..", __dir__)
if File.exist?(File.join(root, "core/include/segmo.h")) && !defined?(Bundler)
  staged = File.join(__dir__, "libsegmo")
  FileUtils.rm_rf(staged)
  (Dir["core/include/*.h", "core/src/**/*.[ch]", base: root] + %w[core/libsegmo.map Makefile]).each do |name|
    FileUtils.mkdir_p(File.dirname(File.join(staged, name)))
    FileUtils.cp(File.join(root, name), File.join(staged, name))
  end
  FileUtils.cp(File.join(root, "LICENSE"), __dir__)
end

Gem::Specification.new do |spec|
  spec.name = "segmo"
  spec.version = Segmo::VERSION
  spec.summary = "Carries Segment events to Segment and MoEngage without losing one"
  spec.description = "Server-side events for Segment and MoEngage. An accepted event is on disk: it survives crashes, " \
                     "forks and outages, keeps its user's order, and is delivered, or accounted for with the reason."
  spec.authors = ["The segmo authors"]
  spec.license = "MIT"
  spec.required_ruby_version = ">= 2.7"
  spec.add_dependency "ffi", ">= 1.15"
  spec.add_dependency "json", ">= 2.3"

  spec.files = Dir["lib/**/*.{rb,yml}", "sig/**/*.rbs", "LICENSE", base: __dir__]
  if ENV["SEGMO_PLATFORM_GEM"]
    # `make gem` builds this one where the compiled library stands beside the Ruby files.
    spec.platform = Gem::Platform::CURRENT
    spec.files += Dir["lib/**/*.{so,so.1}", base: __dir__]
  else
    spec.extensions = ["ext/segmo/extconf.rb"]
    spec.files += Dir["ext/**/*.{rb,c}", "libsegmo/**/*", base: __dir__].select { |name| File.file?(File.join(__dir__, name)) }
  end
end
