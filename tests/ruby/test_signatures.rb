# frozen_string_literal: true

# The signatures in bindings/ruby/sig are valid, complete, and true at run time.
require_relative "helper"
require "rbs"
require "segmo/testing/minitest"
require "segmo/testing/rspec"

class SignaturesTest < Minitest::Test
  SIG = File.join(ROOT, "bindings/ruby/sig")

  def environment
    loader = RBS::EnvironmentLoader.new
    loader.add(path: Pathname(SIG))
    RBS::Environment.from_loader(loader).resolve_type_names
  end

  def test_they_are_valid
    said, status = Open3.capture2e("ruby", "-S", rbs, "-I", SIG, "validate", "--silent")
    assert status.success?, said
  end

  # Every public method that is documented for users, and none that is not there.
  def test_they_name_what_there_is
    builder = RBS::DefinitionBuilder.new(env: environment)
    [Segmo::Client, Segmo::Report, Segmo::Error, *errors, *analytics, *helpers].each do |kind|
      name = RBS::TypeName.new(name: kind.name.split("::").last.to_sym, namespace: RBS::Namespace.parse("::" + kind.name.split("::")[0..-2].join("::") + "::"))
      signed = builder.build_instance(name).methods.select { |_, method| method.implemented_in == name && method.public? }.keys
      defined = kind.public_instance_methods(false) - internal(kind)
      assert_equal defined.sort, (signed - [:initialize]).sort, kind.name
    end
  end

  def test_they_are_true_while_the_clients_tests_run
    env = { "RBS_TEST_TARGET" => "Segmo::Client,Segmo::Report,Segmo::Error", "RBS_TEST_OPT" => "-I #{SIG}",
            "RBS_TEST_LOGLEVEL" => "error", "RBS_TEST_RAISE" => "true" }
    said, status = Open3.capture2e(env, RbConfig.ruby, "-r", "rbs/test/setup", File.join(__dir__, "test_client.rb"))
    assert status.success?, said
  end

  # Without the tests that give what is no Hash.
  def test_they_are_true_while_the_drop_ins_tests_run
    env = { "RBS_TEST_TARGET" => analytics.map(&:name).join(","), "RBS_TEST_OPT" => "-I #{SIG}",
            "RBS_TEST_LOGLEVEL" => "error", "RBS_TEST_RAISE" => "true" }
    said, status = Open3.capture2e(env, RbConfig.ruby, "-r", "rbs/test/setup", File.join(__dir__, "test_analytics.rb"), "--exclude", "/no_hash/")
    assert status.success?, said
  end

  def analytics
    [Segmo::Analytics, Segmo::Analytics::Client, Segmo::Analytics::TestQueue, Segmo::Analytics::BackoffPolicy,
     Segmo::Analytics::PrefixedLogger]
  end

  def helpers
    [Segmo::Testing::RSpec, Segmo::Testing::RSpec::HaveSent, Segmo::Testing::Minitest]
  end

  def errors
    Segmo::Error.constants.map { |name| Segmo::Error.const_get(name) }
  end

  # Marked @api private in the source.
  def internal(kind)
    source = File.read(kind.public_instance_methods(false).map { |name| kind.instance_method(name).source_location }.compact.first&.first || __FILE__)
    source.scan(/@api private\n(?:\s*#.*\n)*\s*def (?:self\.)?(\w+)/).flatten.map(&:to_sym)
  end

  def rbs
    Gem.bin_path("rbs", "rbs")
  end
end
