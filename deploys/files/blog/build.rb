# frozen_string_literal: true

# Builds the site in the current directory, and writes down what was built before anything else can
# touch it. Jekyll's exit code is no proof: what it only warns of is looked at here.
#
# Usage: ruby build.rb registry|packages [PLUGIN-TO-LEAVE-OUT...]

require "digest"
require "fileutils"
require "json"
require_relative "converted"
require_relative "wishes"
require_relative "words"

begin
  require "jekyll"
rescue LoadError => e # of what has left Ruby since, for one (jekyll/jekyll#9741)
  abort "[blog] The site cannot be built: Jekyll does not start with Ruby #{RUBY_VERSION}: #{e.message}."
end

ROOT = "/out/srv/site"

# What a person reads when the build fails; no Ruby trace.
class Unbuildable < StandardError; end

# Jekyll's log, with its warnings and errors kept.
class Notes < Jekyll::Stevenson
  CONTINUED = /\A {20}/.freeze # Jekyll indents a line without a topic of its own so far

  attr_reader :warnings, :errors

  def initialize
    super
    @warnings = []
    @errors = []
  end

  def add(severity, message = nil, progname = nil)
    line = (message || (block_given? ? yield : progname)).to_s.gsub(/\e\[[\d;]*m/, "")
    keep(@warnings, line) if severity >= WARN # a build goes on after many of its errors
    keep(@errors, line) if severity >= ERROR
    super
  end

  private

  def keep(notes, line)
    text = line.gsub("#{Dir.pwd}/", "").squeeze(" ").strip
    return if text.empty? || text == "Configuration file: none"

    line.match?(CONTINUED) && notes.any? ? notes.last << " #{text}" : notes << text
  end
end

# Debian's Jekyll reads YAML with Psych, Jekyll itself with SafeYAML, where a word that begins with
# a colon, as in `permalink: :title`, is a text. Psych makes a symbol of it: Jekyll 4.3.1 then stops,
# and 4.3.4 writes every post to the one file title.html.
module ColonsAreText
  def safe_load_yaml(yaml)
    classes = [Date, Symbol, Time]
    text_for_symbols(Psych.safe_load(yaml, :permitted_classes => classes, :aliases => true))
  end

  private

  def text_for_symbols(value)
    case value
    when Symbol then ":#{value}"
    when Array then value.map { |item| text_for_symbols(item) }
    when Hash then value.to_h { |key, item| [text_for_symbols(key), text_for_symbols(item)] }
    else value
    end
  end
end

# Jekyll 4.3.1 compares each file with all files before it, by date and path (Site#each_site_file):
# 5,000 posts took 100 s, and take 29 s without that; the files are the same.
module EachFileOnce
  def each_site_file
    seen = {}.compare_by_identity
    %w(pages static_files docs_to_write).each do |type|
      public_send(type).each do |item|
        yield item unless seen[item]
        seen[item] = true
      end
    end
  end
end

# Debian's Liquid 5 takes text alone from a tag; Jekyll's own Liquid 4 joins a list, and plugins that
# sites bring in _plugins give it lists.
module ListsAreText
  def render_to_output_buffer(context, output)
    said = render(context)
    output << (said.is_a?(Array) ? said.join : said)
  end
end

# A data file that cannot be read is named; the exception alone does not say which it is.
module DataFilesHaveNames
  def read_data_file(path)
    super
  rescue Psych::SyntaxError, CSV::MalformedCSVError => e
    raise Unbuildable, "#{path}: #{e.message}"
  end
end

# Without a network GitHub is not asked about the repository: what follows from its name is enough.
# What would be a list is an empty one; jekyll-github-metadata 2.15 walks through it unasked.
module GitHubIsNotAsked
  def internet_connected?
    false
  end

  %i[list_repos releases contributors organization_public_members].each do |list|
    define_method(list) { |*| [] }
  end
end

# What is to be mended in Jekyll, of whatever version.
def mend_jekyll
  Jekyll::Utils.singleton_class.prepend(ColonsAreText) if Jekyll::Utils.respond_to?(:safe_load_yaml)
  Jekyll::Site.prepend(EachFileOnce)
  Jekyll::DataReader.prepend(DataFilesHaveNames)
  Liquid::Tag.prepend(ListsAreText) if Liquid::Tag.method_defined?(:render_to_output_buffer)
end

# What is left out is not missed by the site's own _plugins either.
def leave_out(names)
  paths = names.flat_map { |name| [name, name.tr("-", "/")] }
  Object.prepend(Module.new do
    define_method(:require) { |path| paths.include?(path) ? false : super(path) }
    private :require
  end)
end

# What the site itself says, as GitHub Pages completes it where the site is made for it.
def wished(pages)
  source = { "source" => Dir.pwd }
  return Jekyll.configuration(source) unless pages

  empty = Jekyll::Configuration.new
  Jekyll.configuration(Pages.completed(empty.read_config_files(empty.config_files(source))).merge(source))
end

def configuration(from, without)
  wishes = Wishes.new(".", without)
  pages = from == "packages" ? wishes.pages? : !File.file?("Gemfile") && wishes.pages?
  config = wished(pages)
  baseurl = config["baseurl"].to_s.gsub(%r{\A/+|/+\z}, "")
  baseurl = "/#{baseurl}" unless baseurl.empty?
  changes = {
    "source" => Dir.pwd, "destination" => ROOT + baseurl, "baseurl" => baseurl,
    "plugins" => plugins(config, from, wishes, pages) - without, "disable_disk_cache" => true,
    "exclude" => [*config["exclude"], *own_destination(config)],
  }
  changes["markdown"] = "kramdown" if without.include?(config["markdown"].to_s.downcase)
  changes["theme"] = nil if without.include?(config["theme"]) || wishes.own_theme?
  [Jekyll.configuration(config.merge(changes).merge("skip_config_files" => true)), baseurl]
end

# A bundle loads the plugins of its Gemfile itself; without one, they are loaded by name.
def plugins(config, from, wishes, pages)
  named = [*config["plugins"], *config["gems"]]
  bundled = from == "packages" ? wishes.bundled_plugins : []
  own = pages ? Pages::PLUGINS.select { |name| runs?(name, config) } : []
  (named + wishes.own_theme_needs + bundled.flat_map { |gem| gem.autorequire || [gem.name] } + own).uniq
end

# One of GitHub Pages' own plugins that is here. Without the repository's name the one that tells of
# it stops the build.
def runs?(name, config)
  known = config["repository"] || ENV["PAGES_REPO_NWO"]
  Gem::Specification.find_all_by_name(name).any? && (name != Pages::METADATA || known)
end

# Where the author's own builds go, inside the source: what lies there is no source.
def own_destination(config)
  destination = File.expand_path(config["destination"])
  destination.start_with?("#{Dir.pwd}/") ? [destination.delete_prefix("#{Dir.pwd}/")] : []
end

def check(site)
  pages = Dir.glob("#{site.dest}/**/*.html", File::FNM_DOTMATCH)
  raise Unbuildable, "the site has no HTML page at all; is this the directory that holds it?" if pages.empty?

  # Two posts of one address are their author's, and Jekyll warns of them; a permalink that means
  # something else than it says is of all posts.
  posts = site.posts.docs
  places = posts.map { |post| post.destination(site.dest) }.uniq
  return if places.size * 2 > posts.size || posts.empty?

  raise Unbuildable, "#{posts.size} posts are written to only #{places.size} files; look at `permalink:` " \
                     "in _config.yml (a value that begins with a colon has to be quoted)."
end

# Posts that nothing here converts, for want of a plugin, are served as they are written.
def unconverted(site)
  raw = site.posts.docs.reject { |post| post.output_ext.to_s.match?(%r{\A\.x?html?\z}) }
  return [] if raw.empty?

  kinds = raw.map { |post| post.output_ext }.uniq.join(", ")
  ["#{raw.size} of #{site.posts.docs.size} posts are no pages, since nothing here converts #{kinds}: " \
   "#{raw.first(3).map(&:relative_path).join(", ")}#{" …" if raw.size > 3}"]
end

def built_files
  paths = Dir.glob("**/*", File::FNM_DOTMATCH, :base => ROOT).select { |path| File.file?("#{ROOT}/#{path}") }
  paths.sort.map do |path|
    file = "#{ROOT}/#{path}"
    { "path" => path, "sha256" => Digest::SHA256.file(file).hexdigest, "size" => File.size(file) }
  end
end

def escaped(path)
  path.b.gsub(%r{[^A-Za-z0-9\-._~/]}n) { |byte| format("%%%02X", byte.ord) }
end

# An address that answers 200 on the finished server.
def health_address(files, baseurl)
  front = "#{baseurl}/index.html".delete_prefix("/")
  return "#{baseurl}/" if files.any? { |file| file["path"] == front }

  "/#{escaped(files.find { |file| file["path"].end_with?(".html") }["path"])}"
end

# What the site was built with, but for what Ruby itself brings.
def gems
  specs = Gem.loaded_specs.values.reject(&:default_gem?)
  specs.sort_by(&:name).to_h { |spec| [spec.name, spec.version.to_s] }
end

def write_down(site, baseurl, warnings)
  files = built_files
  manifest = {
    "version" => 1, "baseurl" => baseurl, "url" => site.config["url"].to_s, "jekyll" => Jekyll::VERSION,
    "ruby" => RUBY_VERSION, "gems" => gems, "warnings" => warnings.uniq, "files" => files
  }
  File.write("/out/srv/manifest.json", JSON.generate(manifest))
  File.write("/out/srv/health", health_address(files, baseurl))
  configure_server(baseurl)
  FileUtils.chmod_R("a+rX", "/out")
end

# What nginx.conf includes: all that differs between two builds.
def configure_server(baseurl)
  FileUtils.mkdir_p("/out/etc/nginx")
  FileUtils.cp(%w[nginx.conf mime.types].map { |name| File.join(__dir__, name) }, "/out/etc/nginx")
  lines = [
    %(add_header X-Build-Id "#{ENV.fetch("BUILD_ID")}" always;),
    %(error_page 404 "#{baseurl}/404.html";),
  ]
  lines << %(location = / { return 302 "#{baseurl}/"; }) unless baseurl.empty?
  File.write("/out/etc/nginx/site.conf", lines.join("\n") + "\n")
end

# Jekyll mended and its plugins loaded: the configuration of the site, and its baseurl.
def prepared(from, without)
  ENV.delete("PAGES_REPO_NWO") if ENV["PAGES_REPO_NWO"].to_s.empty?
  mend_jekyll
  Jekyll::PluginManager.require_from_bundler
  leave_out(without)
  config, baseurl = configuration(from, without)
  unless baseurl.match?(%r{\A[A-Za-z0-9\-._~/]*\z})
    raise Unbuildable, "_config.yml: baseurl #{baseurl.inspect} has characters that no address has."
  end

  if from == "packages" && config["plugins"].include?(Pages::METADATA)
    require Pages::METADATA
    Jekyll::GitHubMetadata::Client.prepend(GitHubIsNotAsked)
  end
  [config, baseurl]
end

def build(from, without, notes)
  Jekyll.logger = notes
  config, baseurl = prepared(from, without)
  site = Jekyll::Site.new(config)
  converted = Converted.new(site.config) if defined?(Jekyll::Cache) # since Jekyll 4
  site.process
  check(site)
  notes.warnings.concat(unconverted(site))
  write_down(site, baseurl, notes.warnings)
  converted&.keep("/out/srv/converted")
  puts "[blog] #{converted.again} texts are as they were and were not converted again" if converted&.again&.positive?
  notes.warnings.uniq.each { |warning| warn "[blog] warning: #{warning}" }
end

# Jekyll's own words name the file, which the exception does not; Sass's are the other way round.
def words_of(error, notes)
  noted = notes.errors.last.to_s
  yikes = noted.match(/you don't have (.+?) or one of its dependencies.*message from Ruby is: '(.+?)'/m)
  return "#{yikes[1]}: #{yikes[2]}" if yikes
  return noted if !noted.empty? && !error.message.include?(" on line ")

  "#{error.class.name.split("::").last(2).join(" ")}: #{error.message}"
end

# Debian's Jekyll has LibSass, which knows no modules and no CSS functions that came since.
DART_SASS = %r{@use|@forward|load-css|\b(?:math|color|list|map|meta|string)\.\w|Incompatible units}.freeze

def sass_of_these_days?(error, lines)
  defined?(SassC) && error.full_message.match?(%r{scss|sass}i) && lines.any?(DART_SASS)
end

# The lines that a person reads of a failure.
def in_words(error, notes)
  known = [Unbuildable, Wishes::Broken].any? { |kind| error.is_a?(kind) }
  lines = Words.new(known ? error.message : words_of(error, notes)).lines
  lines << "This is Sass of a newer kind than this distribution has; with --set base_images=registry Jekyll brings " \
           "its own." if sass_of_these_days?(error, lines)
  lines << "package.json is here, so it may be npm's to bring: run `npm install` in the site, and this again." if \
    lines.any?(%r{File to import not found|Can't find stylesheet}) && File.file?("package.json")
  lines
end

def main
  notes = Notes.new
  from, *without = ARGV
  build(from, without, notes)
rescue StandardError, ScriptError, SystemExit => e
  first, *others = in_words(e, notes)
  abort ["The site cannot be built: #{first}", *others].map { |line| "[blog] #{line}" }.join("\n")
end

main if $PROGRAM_NAME == __FILE__
