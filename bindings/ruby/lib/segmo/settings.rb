# frozen_string_literal: true

require "erb"
require "yaml"

module Segmo
  # Options on their way to the library. Keyword beats environment beats file beats default.
  #
  # Names are the library's, dotted ("segment.write_key") or with underscores (segment_write_key:), or nested hashes.
  # @api private
  module Settings
    DEFAULT_FILE = "config/segmo.yml"
    SECTIONS = %w[shared development test production].freeze
    SECONDS = { "" => 0.001, "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, "d" => 86_400 }.freeze
    LIBRARY = { "library.name" => "segmo-ruby", "library.version" => VERSION }.freeze

    module_function

    # @param given [Hash] what the program said
    # @param file [String, false, nil] a YAML or JSON file; nil: SEGMO_CONFIG, else config/segmo.yml if there is one
    # @yieldparam config [FFI::Pointer] valid inside the block
    def with_config(given, file)
      config = Call.pointer { |out| Call.checked(:segmo_config_new, out) }
      Call.checked(:segmo_config_load_env, config)
      load_file(config, file_to_read(file))
      named(given).each { |name, value| set(config, name, value) }
      yield config
    ensure
      Native.segmo_config_free(config) if config
    end

    # @return [String, nil] the effective value of an option
    def get(config, name)
      native = Call.pointer { |out| Call.checked(:segmo_config_get, config, name, out) }
      native.null? ? nil : native.read_string
    ensure
      Native.segmo_free(native)
    end

    # @return [Numeric] the effective value of an option that is a time: milliseconds, or with a unit
    def seconds(config, name)
      text = get(config, name).strip
      text.to_i * SECONDS.fetch(text[/\D*\z/])
    end

    def set(config, name, value)
      Call.checked(:segmo_config_set, config, name, text_of(value)) unless value.nil?
    end

    # A JSON file is the library's own business: it also watches it for changes.
    def load_file(config, path)
      Call.checked(:segmo_config_load, config, path) if path&.end_with?(".json")
      said = path && !path.end_with?(".json") ? named(read_yaml(path)) : {}
      LIBRARY.merge(said).each { |name, value| set(config, name, value) unless said_elsewhere?(config, name, said) }
    end

    # The environment beats the file; a JSON file beats the gem's own default.
    def said_elsewhere?(config, name, said)
      return true if ENV.key?(variable(name))

      !said.key?(name) && get(config, name) != defaults[name]
    end

    def file_to_read(file)
      return file.to_s if file
      return nil if file == false

      named_by_environment || (DEFAULT_FILE if File.exist?(DEFAULT_FILE))
    end

    # @return [String, nil] what SEGMO_CONFIG names; a variable without a value counts as none
    def named_by_environment
      name = ENV["SEGMO_CONFIG"].to_s
      name unless name.empty?
    end

    # ERB inside, and sections for environments, as Rails' own files have them.
    def read_yaml(path)
      said = YAML.safe_load(ERB.new(File.read(path)).result, aliases: true, filename: path) || {}
      raise Error::Option.new("the settings file #{path} holds no options by name", field: "config") unless said.is_a?(Hash)

      section = ENV["RAILS_ENV"] || ENV["RACK_ENV"] || "development"
      return said unless [section, *SECTIONS].any? { |name| said.key?(name) }

      named(said["shared"].to_h).merge(named(said[section].to_h))
    rescue SystemCallError => e
      raise Error::IO.new("the settings file #{path} cannot be read: #{e.message}", field: "config")
    rescue Psych::Exception => e
      raise Error::Option.new("the settings file is not YAML: #{e.message}", field: "config")
    end

    # Options by their dotted names. A name that is none is left for the library to refuse with the nearest one.
    def named(options, prefix = "")
      options.each_with_object({}) do |(key, value), result|
        name = "#{prefix}#{key}"
        name = passed?(name) ? name.tr("_", ".") : dotted.fetch(name, name)
        value.is_a?(Hash) ? result.merge!(named(value, "#{name}.")) : result[name] = value
      end
    end

    def text_of(value)
      return ::JSON.generate(value) if value.is_a?(Array)
      return (value.to_f * 1000).round.to_s if defined?(::ActiveSupport::Duration) && ::ActiveSupport::Duration === value

      value.to_s
    end

    def table
      @table ||= ::JSON.parse(Call.text(:segmo_options_json))
    end

    # @return [Boolean] whether an option has that name, dotted or with underscores
    def known?(name)
      dotted.key?(name.to_s) || defaults.key?(name.to_s) || passed?(name)
    end

    # @return [Boolean] whether it is handed on to librdkafka; spelt as in the environment, kafka_sasl_username is
    #   kafka.sasl.username
    def passed?(name)
      name.to_s.start_with?("kafka_") && !dotted.key?(name.to_s)
    end

    def dotted
      @dotted ||= table.to_h { |option| [option["name"].tr(".", "_"), option["name"]] }
    end

    def defaults
      @defaults ||= table.to_h { |option| [option["name"], option["default"]] }
    end

    def variable(name)
      "SEGMO_#{name.upcase.tr(".", "_")}"
    end
  end
end
