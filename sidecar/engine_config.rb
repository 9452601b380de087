# Writes the engine's configuration as YAML, for "tasker-sidecar config import" and
# "tasker-sidecar doctor --engine-config". Run it inside the application:
#
#   bin/rails runner engine_config.rb > engine.yml
#
# Symbols and classes become their names, durations whole seconds, regular
# expressions texts between slashes. Passwords are left out.
require "yaml"

plain = lambda do |value, path|
  case value
  when nil, true, false, Integer, Float then value
  when String, Symbol then String.new(value.to_s)
  when Module then value.name
  when Regexp
    flags = { Regexp::IGNORECASE => "i", Regexp::MULTILINE => "m", Regexp::EXTENDED => "x" }.select { |bit, _| value.options & bit != 0 }.values.join
    "/#{value.source}/#{flags}"
  when Array
    value.map { |element| plain.call(element, path) }.reject { |element| element == :skip }
  when Proc
    warn "#{path}: code cannot be written down, and is left out"
    :skip
  else
    if defined?(ActiveSupport::Duration) && value.is_a?(ActiveSupport::Duration)
      value == value.to_i ? value.to_i : "#{value.to_f}s"
    elsif value.is_a?(Hash) || value.respond_to?(:to_h)
      value.to_h.each_with_object({}) do |(name, part), all|
        name = name.to_s
        next if name == "password"
        written = plain.call(part, "#{path}.#{name}")
        all[name] = written unless written == :skip
      end
    else
      value.instance_variables.each_with_object({}) do |variable, all|
        name = variable.to_s.delete_prefix("@")
        next if name == "password"
        written = plain.call(value.instance_variable_get(variable), "#{path}.#{name}")
        all[name] = written unless written == :skip
      end
    end
  end
end

configuration = Tasker.respond_to?(:configuration) ? Tasker.configuration : Tasker::Configuration.configuration
sections = %w[auth database telemetry engine health dependency_graph backoff execution cache]
puts sections.to_h { |name| [name, plain.call(configuration.public_send(name), name)] }.to_yaml
