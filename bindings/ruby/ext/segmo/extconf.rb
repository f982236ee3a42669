# frozen_string_literal: true

# Puts libsegmo beside the Ruby files, and prepares the one small extension.
#
#   gem install segmo                                compiles the core that the gem carries
#   SEGMO_LIB=/opt/segmo/lib/libsegmo.so.1 gem ...   takes that library
#   SEGMO_SYSTEM=1 gem install segmo                 takes the one that pkg-config finds
require "etc"
require "fileutils"
require "mkmf"

INSIDE = File.expand_path("../../lib/segmo/libsegmo.so.1", __dir__)
CORE = File.expand_path("../../libsegmo", __dir__)
NEEDED = "gcc make pkg-config libcurl4-openssl-dev libcjson-dev zlib1g-dev, and for speed libdeflate-dev"

def chosen_library
  return ENV["SEGMO_LIB"] unless ENV["SEGMO_LIB"].to_s.empty?
  return if ENV["SEGMO_SYSTEM"].to_s.empty?

  directory = IO.popen(%w[pkg-config --variable=libdir segmo], &:read).strip
  directory.empty? ? abort("segmo: SEGMO_SYSTEM is set, and pkg-config finds no segmo") : "#{directory}/libsegmo.so.1"
end

def take(library)
  abort "segmo: #{library} is not there" unless File.exist?(library)
  FileUtils.ln_sf(File.expand_path(library), INSIDE)
end

# The flags are the core's own: its Makefile is in the gem.
def compile
  system({ "MAKEFLAGS" => nil, "MAKELEVEL" => nil }, "make", "-C", CORE, "all", "JOBS=#{Etc.nprocessors}") ||
    abort("segmo: the core did not compile. It needs, in Debian's names: #{NEEDED}")
  FileUtils.cp("#{CORE}/build/release/libsegmo.so.1", INSIDE)
  FileUtils.rm_rf("#{CORE}/build")
end

library = chosen_library
library ? take(library) : compile
create_makefile("segmo/#{RbConfig::CONFIG["ruby_version"]}/plain_json")
