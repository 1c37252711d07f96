# frozen_string_literal: true

# Builds a site again whenever it changes, and serves what was built. The site comes on standard
# input: it is not mounted, so that nothing done here can reach it, and the ways in which engines
# share files, or do not, do not matter.
#
# Usage, in the image: PROGRAM=preview.rb sh build-site.sh registry|packages [PLUGIN-TO-LEAVE-OUT...]
#
# Input: updates, each a line of JSON {"files": [[PATH, SIZE, MODE, MTIME], ...], "removed": [PATH, ...]}
# and then the bytes of these files, one after another. Its end is the end of the preview.
# Output: a line of JSON for each update, saying what came of it.
# PREVIEW holds the wishes as JSON: id, url, drafts, future.

require "fileutils"
require "json"
require_relative "build"
require_relative "preview-server"

PLACE = "/var/tmp/preview" # any image has /var/tmp, where anybody may write: a volume is mounted there
SOURCE = "#{PLACE}/source"
BUILT = "#{PLACE}/built"
WISHES = JSON.parse(ENV.fetch("PREVIEW")).freeze

# What Jekyll says is told with the outcome, not printed.
class QuietNotes < Notes
  private

  def logdevice(_severity)
    nil
  end
end

# Keeps a copy of the site as the updates tell.
class Copy
  def initialize(input, updates)
    @input = input
    @updates = updates
  end

  # Ends this process with the input, whatever it is doing.
  def follow
    while (line = @input.gets)
      update = JSON.parse(line)
      update["removed"].each { |path| remove(path) }
      update["files"].each { |file| write(*file) }
      @updates << (update["removed"] + update["files"].map(&:first))
    end
    exit!(0)
  end

  private

  def write(path, size, mode, mtime)
    file = File.join(SOURCE, path)
    FileUtils.mkdir_p(File.dirname(file))
    FileUtils.rm_r(file, :force => true) if File.directory?(file)
    File.open(file, "wb") { |output| IO.copy_stream(@input, output, size) }
    File.chmod(mode, file)
    File.utime(mtime, mtime, file)
  end

  def remove(path)
    file = File.join(SOURCE, path)
    FileUtils.rm_f(file)
    FileUtils.rmdir(File.dirname(file), :parents => true)
  rescue SystemCallError
    nil # a directory that is not empty stays
  end
end

# One configuration of the site, built as often as its content changes.
class Preview
  def initialize(from, without)
    @from = from
    @without = without
    @notes = QuietNotes.new
    Jekyll.logger = @notes
  end

  # What came of building the site as it is now.
  def build
    @notes.warnings.clear
    @notes.errors.clear
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    error = attempt
    warnings = @notes.warnings - (error ? [@notes.errors.last] : [])
    {
      "error" => error, "warnings" => warnings.map(&:scrub).uniq, "baseurl" => @baseurl.to_s,
      "seconds" => (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).round(3)
    }
  end

  # Whether this change is one that a running Jekyll does not take notice of.
  def outdated_by?(paths)
    own_code = "#{@site ? @site.config["plugins_dir"] : "_plugins"}/"
    @site.nil? || paths.any? { |path| Wishes::CONFIGURATIONS.include?(path) || path.start_with?(own_code) }
  end

  private

  def attempt
    (@site ||= configured).process
    check(@site)
    nil
  rescue StandardError, ScriptError, SystemExit, SystemStackError => e
    in_words(e, @notes)
  end

  def configured
    Jekyll::Utils.singleton_class.prepend(ColonsAreText) if Jekyll::Utils.respond_to?(:safe_load_yaml)
    Jekyll::PluginManager.require_from_bundler
    config, @baseurl = configuration(@from, @without)
    # Links to the site's own address stay in the preview, as with `jekyll serve`.
    config.merge!(
      "destination" => BUILT + @baseurl, "url" => WISHES["url"],
      "show_drafts" => WISHES["drafts"], "future" => WISHES["future"] || config["future"]
    )
    Jekyll::Site.new(config)
  end
end

def preview(output)
  FileUtils.mkdir_p([SOURCE, BUILT])
  Dir.chdir(SOURCE)
  updates = Queue.new
  Thread.new { Copy.new($stdin.binmode, updates).follow }.abort_on_exception = true
  site = Preview.new(ARGV.first, ARGV.drop(1))
  server = PreviewServer.new(BUILT, WISHES["id"])
  updates.pop unless ENV["PREVIEW_AGAIN"]
  loop do
    outcome = site.build
    server.tell(outcome)
    output.puts(JSON.generate(outcome))
    # The whole of Ruby starts again: what plugins have put into it cannot be taken out.
    exec({ "PREVIEW_AGAIN" => "yes" }, RbConfig.ruby, __FILE__, *ARGV, 1 => output) if site.outdated_by?(updates.pop)
  end
end

# What plugins print is no answer.
output = $stdout.dup
output.sync = true
$stdout.reopen($stderr)
preview(output)
