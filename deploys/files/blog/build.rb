# frozen_string_literal: true

# Builds the site in the current directory, and writes down what was built before anything else can
# touch it. Jekyll's exit code is no proof: what it only warns of is looked at here.
#
# Usage: ruby build.rb registry|packages [PLUGIN-TO-LEAVE-OUT...]

require "digest"
require "fileutils"
require "jekyll"
require "json"
require_relative "wishes"

ROOT = "/out/srv/site"

# What a person reads when the build fails; no Ruby trace.
class Unbuildable < StandardError; end

# Jekyll's log, with its warnings kept.
class Notes < Jekyll::Stevenson
  attr_reader :warnings

  def initialize
    super
    @warnings = []
  end

  def add(severity, message = nil, progname = nil)
    text = (message || (block_given? ? yield : progname)).to_s.gsub(/\e\[[\d;]*m/, "").squeeze(" ").strip
    @warnings << text if severity >= WARN && !text.empty?
    super
  end
end

def configuration(from, without)
  wishes = Wishes.new(".", without)
  config = Jekyll.configuration("source" => Dir.pwd, "destination" => ROOT)
  plugins = [*config["plugins"], *(wishes.bundled_plugins.map(&:name) if from == "packages")].uniq - without
  baseurl = config["baseurl"].to_s.gsub(%r{\A/+|/+\z}, "")
  baseurl = "/#{baseurl}" unless baseurl.empty?
  changes = {
    "source" => Dir.pwd, "destination" => ROOT + baseurl, "baseurl" => baseurl,
    "plugins" => plugins, "disable_disk_cache" => true,
  }
  changes["theme"] = nil if without.include?(config["theme"])
  [Jekyll.configuration(changes), baseurl]
end

def check(site)
  pages = Dir.glob("#{site.dest}/**/*.html", File::FNM_DOTMATCH)
  raise Unbuildable, "the site has no HTML page at all; is this the directory that holds it?" if pages.empty?

  posts = site.posts.docs
  places = posts.map { |post| post.destination(site.dest) }.uniq
  return if places.size == posts.size

  raise Unbuildable, "#{posts.size} posts are written to only #{places.size} files; look at `permalink:` " \
                     "in _config.yml (a value that begins with a colon has to be quoted)."
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

def write_down(site, baseurl, warnings)
  files = built_files
  manifest = {
    "version" => 1, "baseurl" => baseurl, "url" => site.config["url"].to_s, "jekyll" => Jekyll::VERSION,
    "ruby" => RUBY_VERSION, "warnings" => warnings.uniq, "files" => files
  }
  File.write("/out/srv/manifest.json", JSON.generate(manifest))
  File.write("/out/srv/health", health_address(files, baseurl))
  server = %(error_page 404 "#{baseurl}/404.html";\n)
  server += %(location = / { return 302 "#{baseurl}/"; }\n) unless baseurl.empty?
  FileUtils.mkdir_p("/out/etc/nginx")
  File.write("/out/etc/nginx/site.conf", server)
  FileUtils.chmod_R("a+rX", "/out")
end

def build(from, without)
  notes = Notes.new
  Jekyll.logger = notes
  config, baseurl = configuration(from, without)
  unless baseurl.match?(%r{\A[A-Za-z0-9\-._~/]*\z})
    raise Unbuildable, "_config.yml: baseurl #{baseurl.inspect} has characters that no address has."
  end

  site = Jekyll::Site.new(config)
  site.process
  check(site)
  write_down(site, baseurl, notes.warnings)
  notes.warnings.uniq.each { |warning| warn "[blog] warning: #{warning}" }
end

begin
  from, *without = ARGV
  build(from, without)
rescue Unbuildable, Wishes::Broken => e
  abort "[blog] The site cannot be built: #{e.message}"
rescue SystemExit
  raise
rescue StandardError, ScriptError => e
  abort "[blog] The site cannot be built: #{e.class.name.split("::").last(2).join(" ")}: #{e.message.strip}"
end
