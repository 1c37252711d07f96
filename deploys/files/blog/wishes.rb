# frozen_string_literal: true

# What a site asks of Ruby, read from its own files: the plugins and themes of its configuration,
# the gems of its Gemfile. Needs neither Jekyll nor the network.

require "bundler"
require "date"
require "yaml"
require_relative "pages"

class Wishes
  # The site's own files cannot be read; the message names the file and says why.
  class Broken < StandardError; end

  CONFIGURATIONS = %w[_config.yml _config.yaml].freeze
  NEEDED = %r{\.add_(?:runtime_)?dependency[\s(]+["']([^"']+)["']}.freeze
  REMOTE_THEME = "jekyll-remote-theme"

  # `without` are the names of plugins that are to be left out.
  def initialize(directory, without)
    @directory = directory
    @without = without
  end

  # Plugins and themes that the configuration names.
  def configured
    named = [*configuration["plugins"], *configuration["gems"]]
    named.concat(own_theme? ? own_theme_needs : [*configuration["theme"]])
    named << REMOTE_THEME if configuration["remote_theme"]
    named.map(&:to_s).uniq - @without
  end

  # Whether the site's theme is the gem that the site itself is, as in a theme's own repository.
  def own_theme?
    File.file?(own_theme)
  end

  # The gems that the site's own theme rests on; Jekyll loads them with a theme.
  def own_theme_needs
    return [] unless own_theme?

    File.read(own_theme, :encoding => "bom|utf-8").scan(NEEDED).flatten.uniq - ["jekyll"]
  end

  # The Markdown processor that was left behind by Jekyll 4, if the configuration still names it.
  # GitHub Pages takes another in its place.
  def bygone_markdown
    return [] if pages?

    %w[redcarpet rdiscount maruku].select { |name| name == configuration["markdown"].to_s.downcase } - @without
  end

  # Whether it is GitHub Pages' own build that the site is made for.
  def pages?
    return whole_bundle.any? { |gem| gem.name == Pages::GEM } if gemfile?

    configured.all? { |name| Pages.knows?(name) }
  end

  # The Gemfile's gems for this platform, but for those left out. GitHub Pages' own gem stands for
  # a set of versions; its plugins are seen to elsewhere.
  def bundled
    whole_bundle.reject { |gem| @without.include?(gem.name) || gem.name == Pages::GEM }
  end

  # Those of them that Jekyll loads by itself.
  def bundled_plugins
    bundled.select { |gem| gem.groups.include?(:jekyll_plugins) }
  end

  private

  def own_theme
    File.join(@directory, "#{configuration["theme"]}.gemspec")
  end

  def gemfile
    File.join(@directory, "Gemfile")
  end

  def gemfile?
    File.file?(gemfile)
  end

  # The lock is left aside: it is of versions, and may be of a Bundler that is newer than this one.
  def whole_bundle
    return [] unless gemfile?

    @whole_bundle ||= Bundler::Dsl.evaluate(gemfile, "/nonexistent/Gemfile.lock", {})
                                  .dependencies.select(&:should_include?)
  rescue StandardError, ScriptError => e
    raise Broken, "Gemfile: #{e.message.strip.lines.first.to_s.strip}"
  end

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
