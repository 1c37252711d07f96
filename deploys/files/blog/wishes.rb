# frozen_string_literal: true

# What a site asks of Ruby, read from its own files: the plugins and themes of its configuration,
# the gems of its Gemfile. Needs neither Jekyll nor the network.

require "bundler"
require "date"
require "yaml"

class Wishes
  # The site's own files cannot be read; the message names the file and says why.
  class Broken < StandardError; end

  CONFIGURATIONS = %w[_config.yml _config.yaml].freeze
  REMOTE_THEME = "jekyll-remote-theme"

  # `without` are the names of plugins that are to be left out.
  def initialize(directory, without)
    @directory = directory
    @without = without
  end

  # Plugins and themes that the configuration names.
  def configured
    named = [*configuration["plugins"], *configuration["gems"], *configuration["theme"]]
    named << REMOTE_THEME if configuration["remote_theme"]
    named.map(&:to_s).uniq - @without
  end

  # The Markdown processor that was left behind by Jekyll 4, if the configuration still names it.
  def bygone_markdown
    %w[redcarpet rdiscount maruku].select { |name| name == configuration["markdown"].to_s.downcase } - @without
  end

  # The Gemfile's gems for this platform, but for those left out.
  def bundled
    gemfile = File.join(@directory, "Gemfile")
    return [] unless File.file?(gemfile)

    definition = Bundler::Dsl.evaluate(gemfile, "#{gemfile}.lock", {})
    definition.dependencies.select { |gem| gem.should_include? && !@without.include?(gem.name) }
  rescue StandardError, ScriptError => e
    raise Broken, "Gemfile: #{e.message.strip.lines.first.to_s.strip}"
  end

  # Those of them that Jekyll loads by itself.
  def bundled_plugins
    bundled.select { |gem| gem.groups.include?(:jekyll_plugins) }
  end

  private

  def configuration
    @configuration ||= read || {}
  end

  def read
    name = CONFIGURATIONS.find { |file| File.file?(File.join(@directory, file)) }
    return unless name

    text = File.read(File.join(@directory, name), :encoding => "bom|utf-8")
    parsed = YAML.safe_load(text, :permitted_classes => [Date, Symbol, Time], :aliases => true)
    raise Broken, "#{name} holds no settings." unless parsed.nil? || parsed.is_a?(Hash)

    parsed
  rescue Psych::Exception => e
    raise Broken, "#{name}: #{e.message.sub(/\A\(<unknown>\): /, "")}"
  end
end
