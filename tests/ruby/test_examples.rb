# frozen_string_literal: true

# The examples in docs/examples/ruby, run as their first lines say, against the sandbox.
require_relative "helper"

class ExamplesTest < SegmoTest
  EXAMPLES = File.join(ROOT, "docs/examples/ruby")

  def test_plain
    said, status = Open3.capture2e(environment, RbConfig.ruby, "-w", "-I", GEM_LIB, File.join(EXAMPLES, "plain.rb"), chdir: work)
    assert status.success?, said
    assert_equal "sent\n", said
    assert_equal(%w[identify track], sandbox.messages.map { |message| message["type"] })
  end
end
