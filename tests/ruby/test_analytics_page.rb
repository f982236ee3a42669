# frozen_string_literal: true

# The table of docs/guide/ruby-analytics.md and the tests of the drop-in belong together.
require_relative "helper"

class AnalyticsPageTest < Minitest::Test
  PAGE = File.join(ROOT, "docs/guide/ruby-analytics.md")
  FILES = %w[test_analytics.rb test_analytics_delivery.rb].map { |name| File.join(__dir__, name) }

  def rows
    File.readlines(PAGE).select { |line| line.start_with?("|") && !line.start_with?("|---") && !line.end_with?("| test |\n") }
  end

  def named
    rows.map { |row| row[/\| `(test_\w+)` \|$/, 1] }
  end

  def existing
    FILES.flat_map { |path| File.read(path).scan(/^  def (test_\w+)$/).flatten }
  end

  def test_each_row_names_a_test
    assert_operator rows.size, :>, 100
    assert_empty(rows.zip(named).select { |_, name| name.nil? }.map(&:first))
  end

  def test_each_test_that_a_row_names_is_there
    assert_empty named.uniq - existing
  end

  def test_each_test_of_the_drop_in_stands_behind_a_row
    assert_empty existing - named
  end

  def test_no_test_is_defined_twice
    assert_equal existing.uniq, existing
  end
end
