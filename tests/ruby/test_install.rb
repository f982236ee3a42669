# frozen_string_literal: true

# The gem as a user gets it: built, installed without a network, used from where it was installed.
require_relative "helper"
require "rbconfig"

class InstallTest < SegmoTest
  GEMS = File.join(ROOT, "build/gem")
  ABI = RbConfig::CONFIG["ruby_version"]

  def self.build
    @build ||= Open3.capture2e(clean, "make", "-s", "-C", ROOT, "gem", "RUBY=#{RbConfig.ruby}").tap do |said, status|
      raise "make gem failed:\n#{said}" unless status.success?
    end
  end

  def self.clean
    { "MAKEFLAGS" => nil, "MAKELEVEL" => nil, "RUBYOPT" => nil, "SEGMO_LIB" => nil }
  end

  def setup
    super
    self.class.build
  end

  def install(name, **env)
    home = File.join(work, "gems")
    said, status = Open3.capture2e(self.class.clean.merge(env.transform_keys(&:to_s)), "gem", "install", "--local", "--no-document",
                                   "--install-dir", home, "--ignore-dependencies", "--force", File.join(GEMS, name))
    [home, said, status]
  end

  # Sends one event from a program that knows nothing but where gems are.
  def use(home, env = {})
    code = <<~RUBY
      require "segmo"
      Segmo::Client.open { |client| client.track(user_id: "u1", event: "E") }
      puts Segmo::Library.path, Segmo::Plain.method(:write).source_location.inspect
    RUBY
    gem_path = [home, *Gem.path].join(":")
    said, status = Open3.capture2e(self.class.clean.merge(environment, { "GEM_PATH" => gem_path }, env), RbConfig.ruby, "-e", code, chdir: work)
    assert status.success?, said
    assert_equal 1, sandbox.stats["unique"]
    said.lines.map(&:chomp)
  end

  def test_the_gem_compiles_its_core
    home, said, status = install("segmo-#{Segmo::VERSION}.gem")
    assert status.success?, said
    assert_equal 1, Dir[File.join(home, "gems/segmo-*/lib/generators/segmo/install/templates/segmo.yml")].size
    library, plain = use(home)
    assert library.start_with?(home), library
    refute File.symlink?(library)
    assert_equal "nil", plain, "the compiled part was not found"
  end

  def test_segmo_lib_selects_an_installed_library
    chosen = File.join(BUILD, "libsegmo.so.1")
    home, said, status = install("segmo-#{Segmo::VERSION}.gem", SEGMO_LIB: chosen)
    assert status.success?, said
    assert_equal File.realpath(chosen), File.realpath(use(home).first)
  end

  def test_segmo_system_asks_pkg_config
    prefix = File.join(work, "prefix")
    said, status = Open3.capture2e(self.class.clean, "make", "-s", "-C", ROOT, "install", "PREFIX=#{prefix}")
    assert status.success?, said
    home, said, status = install("segmo-#{Segmo::VERSION}.gem", SEGMO_SYSTEM: "1", PKG_CONFIG_PATH: "#{prefix}/lib/pkgconfig")
    assert status.success?, said
    assert_equal File.realpath("#{prefix}/lib/libsegmo.so.1"), File.realpath(use(home).first)
  end

  def test_the_platform_gem_needs_no_compiler
    home, said, status = install("segmo-#{Segmo::VERSION}-#{Gem::Platform.local}.gem", PATH: "/nowhere:#{File.dirname(RbConfig.ruby)}", CC: "false")
    assert status.success?, said
    library, plain = use(home)
    assert library.start_with?(home), library
    assert_equal "nil", plain, "the compiled part was not found"
  end

  def test_without_the_compiled_part_the_gem_works_all_the_same
    home, said, status = install("segmo-#{Segmo::VERSION}-#{Gem::Platform.local}.gem")
    assert status.success?, said
    FileUtils.rm_rf(Dir[File.join(home, "gems/segmo-*/lib/segmo/#{ABI}")])
    refute_equal "nil", use(home).last
  end

  def test_a_missing_library_is_said_with_the_remedy
    home, said, status = install("segmo-#{Segmo::VERSION}-#{Gem::Platform.local}.gem")
    assert status.success?, said
    FileUtils.rm(Dir[File.join(home, "gems/segmo-*/lib/segmo/libsegmo.so.1")])
    said, status = Open3.capture2e({ "GEM_PATH" => [home, *Gem.path].join(":") }, RbConfig.ruby, "-e", 'require "segmo"')
    refute status.success?
    assert_match(/libsegmo\.so\.1 is missing.*gem install segmo/, said)
  end

  def test_bundler_finds_everything_without_a_network
    copy = File.join(work, "bundle")
    FileUtils.mkdir_p(copy)
    FileUtils.cp(File.join(ROOT, "Gemfile"), copy)
    FileUtils.ln_s(File.join(ROOT, "bindings"), File.join(copy, "bindings"))
    said, status = Open3.capture2e({ "BUNDLE_GEMFILE" => File.join(copy, "Gemfile") }, "bundle", "install", "--local")
    assert status.success?, said
  end
end
