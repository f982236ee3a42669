# frozen_string_literal: true

# The signatures in bindings/ruby/sig/frameworks.rbs are complete, and true at run time.
require_relative "frameworks"
require "rbs"

class FrameworkSignaturesTest < Minitest::Test
  SIG = File.join(ROOT, "bindings/ruby/sig")
  INTERNAL = { Segmo => %i[open_client_by], Segmo::Context => %i[complete] }.freeze # marked @api private

  def setup
    require "rack"
  rescue LoadError
    skip "not run: rack is not installed"
  end

  def builder
    loader = RBS::EnvironmentLoader.new
    loader.add(path: Pathname(SIG))
    RBS::DefinitionBuilder.new(env: RBS::Environment.from_loader(loader).resolve_type_names)
  end

  # @return [Array<Symbol>] the public methods that a signature gives to a class or module itself
  def signed(definition, name)
    definition.methods.select { |_, method| method.implemented_in == name && method.public? }.keys.sort
  end

  def type_name(kind)
    RBS::TypeName.new(name: kind.name.split("::").last.to_sym, namespace: RBS::Namespace.parse("::#{kind.name.split("::")[0..-2].join("::")}"))
  end

  def test_they_name_what_there_is
    [Segmo, Segmo::Context].each do |kind|
      name = type_name(kind)
      assert_equal (kind.singleton_methods(false) - INTERNAL.fetch(kind)).sort, signed(builder.build_singleton(name), name), kind.name
    end
    [Segmo::Rack::RequestContext, Segmo::Rack::CampaignExport].each do |kind|
      name = type_name(kind)
      assert_equal kind.public_instance_methods(false).sort, signed(builder.build_instance(name), name) - [:initialize], kind.name
    end
  end

  def test_they_are_true_while_the_tests_of_frameworks_run
    env = { "RBS_TEST_TARGET" => "Segmo::Context,Segmo::Rack::RequestContext,Segmo::Rack::CampaignExport", "RBS_TEST_OPT" => "-I #{SIG}",
            "RBS_TEST_LOGLEVEL" => "error", "RBS_TEST_RAISE" => "true" }
    %w[test_context.rb test_rack.rb].each do |test|
      said, status = Open3.capture2e(env, RbConfig.ruby, "-r", "rbs/test/setup", File.join(__dir__, test))
      assert status.success?, said
    end
  end
end
