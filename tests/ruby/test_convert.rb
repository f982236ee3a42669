# frozen_string_literal: true

# The table of docs/reference/conversion.md, case by case: alone, beside ActiveSupport's JSON encoding, and with Oj.
require_relative "helper"
require "bigdecimal"
require "date"
require "ipaddr"
require "pathname"
require "set"
require "uri"

LOADED = ARGV.grep(/\Aloaded=/).flat_map { |word| ARGV.delete(word).delete_prefix("loaded=").split(",") }
require "active_support/all" if LOADED.include?("active_support")
require "active_record" if LOADED.include?("active_record")
require "oj" if LOADED.include?("oj")
Oj.mimic_JSON if LOADED.include?("oj_mimic")

class Unknown; end
class Label < String; end

# Makes Ruby values of what the case files say. What a program without ActiveSupport cannot hold is left out.
class HostValue
  NEEDS = { "duration" => "ActiveSupport::Duration", "time_with_zone" => "ActiveSupport::TimeWithZone",
            "model" => "ActiveRecord::Base" }.freeze
  Leave = Class.new(StandardError)

  def self.of(told)
    case told
    when Array then told.map { |inner| of(inner) }
    when Hash then told.key?("$") ? new(told).made : told.transform_values { |inner| of(inner) }
    else told
    end
  end

  def initialize(told)
    @told = told
    @kind = told.fetch("$")
    needed = NEEDS[@kind]
    raise Leave, "#{needed} is not loaded" if needed && !Object.const_defined?(needed)
  end

  def made
    send("make_#{@kind}")
  end

  private

  def text = @told.fetch("text")
  def items = @told.fetch("items").map { |item| self.class.of(item) }
  def bytes = [@told.fetch("hex")].pack("H*")
  def fields = @told.fetch("fields").transform_values { |value| self.class.of(value) }

  def make_string_subclass = Label.new(text)
  def make_integer = Integer(text)
  def make_float = { "nan" => Float::NAN, "inf" => Float::INFINITY, "-inf" => -Float::INFINITY }.fetch(text) { Float(text) }
  def make_decimal = BigDecimal(text)
  def make_datetime = Time.new(*DateTime.iso8601(@told["iso"]).then { |t| [t.year, t.month, t.day, t.hour, t.min, t.sec + t.sec_fraction, t.zone] })
  def make_date = Date.iso8601(@told["iso"])
  def make_symbol = text.to_sym
  def make_ip_address = IPAddr.new(text)
  def make_path = Pathname.new(text)
  def make_uri = URI(text)
  def make_bytes = bytes.b
  def make_invalid_utf8_string = bytes.force_encoding(Encoding::UTF_8)
  def make_encoded_string = bytes.force_encoding(@told.fetch("encoding"))
  def make_set = Set.new(items)
  def make_list = items
  def make_map = items.to_h
  def make_struct = Struct.new(*fields.keys.map(&:to_sym)).new(*fields.values)
  def make_unknown = Unknown.new
  def make_range = (@told["first"]..@told["last"])
  def make_function = -> {}
  def make_exception = RuntimeError.new(text)
  def make_complex = Complex(@told["real"], @told["imaginary"])
  def make_circular = [].tap { |list| list << list }
  def make_rational = Rational(text)
  def make_date_time = DateTime.iso8601(@told["iso"])
  def make_duration = ActiveSupport::Duration.seconds(text_of_seconds)
  def make_time_with_zone = ActiveSupport::TimeZone["Kolkata"].parse(@told["iso"])

  def text_of_seconds = @told["seconds"].include?(".") ? Float(@told["seconds"]) : Integer(@told["seconds"])

  def make_model
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ":memory:") unless ActiveRecord::Base.connected?
    ActiveRecord::Base.connection.create_table(:people, if_not_exists: true)
    klass = Class.new(ActiveRecord::Base) { self.table_name = "people" }
    @told["id"] ? klass.create!(id: @told["id"]) : klass.new
  end
end

class ConvertTest < Minitest::Test
  Dir[File.join(ROOT, "tests/vectors/convert/*.json")].sort.each do |path|
    test_case = JSON.parse(File.read(path))
    next if test_case.key?("only") && !test_case["only"].include?("ruby")

    define_method("test_#{File.basename(path, ".json")}") do
      value = begin
        HostValue.of(test_case["value"])
      rescue HostValue::Leave => e
        skip "not run: #{e.message}" if LOADED.include?("active_record")
        next pass # the run with everything loaded has it
      end
      test_case.key?("json") ? assert_converted(test_case["json"], value) : assert_refused(test_case["error"], value)
    end
  end

  def assert_converted(json, value)
    assert_equal %({"type":"track","properties":{"x":#{json}}}), Segmo::Convert.json(carrying(value))
  end

  def test_what_has_no_methods_is_refused_with_its_class
    assert_refused({ "path" => "/properties/x/0", "class" => "BasicObject" }, [BasicObject.new])
  end

  def test_a_path_that_is_no_text_is_refused_with_its_place
    assert_refused({ "path" => "/properties/x/0", "class" => "UTF-8" }, [Pathname.new("\xff")])
  end

  def test_a_member_named_class_hides_no_class
    assert_converted '{"class":"economy","row":7}', Struct.new(:class, :row).new("economy", 7)
    demanding = Class.new { def class(_of_what) = nil }
    assert_refused({ "path" => "/properties/x", "class" => "#<Class:" }, demanding.new)
  end

  # What the gem lets pass the library must refuse: two keys that are one text, for instance.
  def assert_refused(error, value)
    refusal = assert_raises(Segmo::Error::Invalid, Segmo::Error::JSON) { Segmo::Convert.json(carrying(value)) }
    assert_equal error["path"], refusal.field if error["path"]
    assert_includes refusal.message, error["class"] if error["class"]
  end

  def carrying(value)
    { type: "track", properties: { x: value } }
  end
end

# Plain data is written the same by the compiled part, by its stand-in in Ruby, and by JSON.
class PlainTest < Minitest::Test
  PLAIN = [nil, true, false, 0, -1, 2**62, -2**62, 2**64, 1.5, "", "é", "a".encode("US-ASCII"), "a".b, [], {}, :a, :"é",
           { "a" => [{ b: 1 }] }, "Z".encode("ISO-8859-1"), "\u2028</script>\x7f", (0..0x20).map(&:chr).join, "\"\\/",
           "é" * 1000, { "\n" => 1, :"\"" => 2 }, 0.1 + 0.2, 1e15, 1e16, 1e22, 5e-324, 0.0001, 0.00012, 123.4567, -9.99,
           99_999_999_999.9999, 100.0, 1e-5, [[[]], {}], 10**30].freeze
  OTHER = [Float::NAN, -Float::INFINITY, "é".encode("ISO-8859-1"), "\xff", "\xC3\xA9".b, Label.new("a"), { 1 => 2 },
           { nil => 1 }, { "\xff" => 1 }, { Label.new("a") => 1 }, [1r], { a: [Time.at(0)] }, Object.new, 1..2,
           Class.new(Hash).new, Class.new(Array).new, [].tap { |list| list << list }].freeze
  WAYS = [Segmo::Plain, Object.new.extend(Segmo::Plain::InRuby)].freeze

  def written(way, value)
    way.write(value, String.new("before"))
  end

  # Oj, also in JSON's place, writes some floats in another form; the numbers are the same.
  def assert_same_json(expected, written)
    expected, written = [expected, written].map { |json| JSON.parse(json) } if defined?(Oj)
    assert_equal expected, written
  end

  def test_plain_data_is_written_as_json_writes_it
    PLAIN.each do |value|
      WAYS.each { |way| assert_same_json JSON.generate([value]), written(way, [value]) }
    end
  end

  def test_everything_else_is_left_alone
    OTHER.each { |value| WAYS.each { |way| assert_nil written(way, value), value.inspect } }
    WAYS.each { |way| assert_nil written(way, [BasicObject.new]) }
  end

  # Collects and compacts at every allocation: what is written must not be moved away meanwhile.
  def test_the_heap_may_move_while_data_is_written
    value = Array.new(4) { |i| { "key #{i}" => ["text #{i}", :"symbol #{i}", i * 1.1e-9, 2**70 + i] } }
    before = GC.auto_compact
    GC.auto_compact = true
    GC.stress = true
    written = Segmo::Plain.write(value, String.new)
    GC.stress = false
    assert_same_json JSON.generate(value), written
  ensure
    GC.stress = false
    GC.auto_compact = before
  end

  # The one method of the host's that the compiled part calls.
  def test_a_float_whose_to_s_is_no_text_is_left_to_ruby
    said, = Open3.capture2e(RbConfig.ruby, "-I", GEM_LIB, "-r", "segmo", "-e",
                            'class Float; def to_s; end; end; p Segmo::Plain.write([1e-9], +"")')
    assert_equal "nil\n", said
  end

  def test_the_compiled_part_is_in_use
    assert_nil Segmo::Plain.method(:write).source_location, "bindings/ruby/ext was not built"
  end

  def test_random_data_is_written_as_json_writes_it
    random = Random.new(4)
    2000.times do
      value = some(random, 4)
      assert_same_json JSON.generate([value]), written(Segmo::Plain, [value])
    end
  end

  def some(random, depth)
    case random.rand(depth.positive? ? 9 : 7)
    when 0 then random.rand(-2**70..2**70)
    when 1 then random.rand(-100_000..100_000)
    when 2 then random.rand(1_000_000) / [1, 10, 100, 1000, 10_000, 100_000].sample(random: random).to_f
    when 3 then [random.bytes(8).unpack1("D"), 1.0].find(&:finite?).then { |number| number.zero? ? 0.5 : number }
    when 4 then Array.new(random.rand(200)) { random.rand(0x2500).then { |c| c.between?(0xd800, 0xdfff) ? 65 : c } }.pack("U*")
    when 5 then [nil, true, false].sample(random: random)
    when 6 then random.rand(1000).to_s.to_sym
    when 7 then Array.new(random.rand(5)) { some(random, depth - 1) }
    else Array.new(random.rand(5)) { |i| [[i.to_s, :"k#{i}"].sample(random: random), some(random, depth - 1)] }.to_h
    end
  end

  def test_numbers_come_back_as_they_went_with_oj_too
    random = Random.new(4)
    numbers = Array.new(2000) { random.bytes(8).unpack1("D") }.select(&:finite?) + PLAIN.grep(Numeric)
    WAYS.each { |way| assert_equal numbers, JSON.parse(written(way, numbers)) }
  end

  # The buffer is the thread's: what it was used for before must not shine through, nor may its growth lose anything.
  def test_a_buffer_is_used_again
    buffer = String.new
    [["x" * 100_000], { a: 1 }, [], ["é"]].each { |value| assert_equal JSON.generate(value), Segmo::Plain.write(value, buffer) }
    buffer.replace(kept = "y" * 1000)
    assert_equal "[1]", Segmo::Plain.write([1], buffer)
    assert_equal "y" * 1000, kept
  end
end

# The same cases once more in programs that have loaded what changes JSON in Ruby.
class ConvertBesideOthersTest < Minitest::Test
  ["active_support", "active_support,active_record", "oj", "active_support,active_record,oj", "oj,oj_mimic"].each do |loaded|
    define_method("test_the_table_holds_with_#{loaded.tr(",", "_")}") do
      said, status = Open3.capture2e(RbConfig.ruby, __FILE__, "loaded=#{loaded}")
      assert status.success?, said
      assert_match(/, 0 failures, 0 errors/, said)
    end
  end
end if LOADED.empty?
