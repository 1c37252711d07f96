# frozen_string_literal: true

# Builds a site again whenever it changes, and serves what was built. The site comes on standard
# input: it is not mounted, so that nothing done here can reach it, and the ways in which engines
# share files, or do not, do not matter.
#
# Usage, in the image: PROGRAM=preview.rb sh build-site.sh registry|packages [PLUGIN-TO-LEAVE-OUT...]
#
# Input: updates, each ten digits that say how long the JSON is that follows, which is
# {"files": [[PATH, SIZE, MODE, MTIME], ...], "removed": [PATH, ...]}, and then the bytes of these files,
# one after another. Its end is the end of the preview.
# Output: a line of JSON for each outcome; its "number" counts the updates that are in it. Where a whole
# build takes long, one with "whole": false comes first: what was saved is shown, the rest follows. An
# update that comes meanwhile ends that build.
# PREVIEW holds the wishes as JSON: id, url, drafts, future.

require "fileutils"
require "io/wait"
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
  attr_reader :number

  def initialize(input, number)
    @input = input
    @number = number
    @lock = Mutex.new
    @updates = Queue.new
  end

  # Ends this process with the input, whatever it is doing.
  def follow
    loop do
      @input.wait_readable
      # Not a byte more is read than this update has: another process may have to go on.
      @lock.synchronize { take_update }
    end
  rescue EOFError
    exit!(0)
  end

  # Something has come, or is coming.
  def news?
    !@updates.empty? || @lock.locked?
  end

  # The paths of all updates that have come; waits for the first one.
  def next_paths
    paths = @updates.pop
    paths += @updates.pop until @updates.empty?
    paths
  end

  # Between two updates.
  def at_rest(&block)
    @lock.synchronize(&block)
  end

  private

  def take_update
    update = JSON.parse(take(take(10).to_i))
    update["removed"].each { |path| remove(path) }
    update["files"].each { |file| write(*file) }
    @number += 1
    @updates << (update["removed"] + update["files"].map(&:first))
  end

  def take(size)
    taken = "".b
    taken << @input.sysread(size - taken.bytesize) while taken.bytesize < size
    taken
  end

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

# A build ends because there is something newer to build.
class Superseded < StandardError; end

# One configuration of the site, built as often as its content changes.
class Preview
  LONG_SECONDS = 1.5

  def initialize(from, without, copy)
    @from = from
    @without = without
    @copy = copy
    @notes = QuietNotes.new
    @took = 0
    Jekyll.logger = @notes
    Jekyll::Hooks.register([:documents, :pages], :pre_render) { raise Superseded if @may_end && @copy.news? }
  end

  # Build the site as it is now, and say what comes of it; first what has changed, if all takes long.
  def build(paths)
    number = @copy.number
    if @site && @took > LONG_SECONDS && all_rendered?(paths)
      outcome = pass(number, false) { some(paths) }
      return yield outcome.merge("whole" => true) if outcome["error"]

      yield outcome
    end
    @may_end = !@site.nil?
    outcome = pass(number, true) { all }
    @took = outcome["seconds"] unless outcome["error"]
    yield outcome
  rescue Superseded
    nil
  ensure
    @may_end = false
  end

  # Whether this change is one that a running Jekyll does not take notice of.
  def outdated_by?(paths)
    own_code = "#{@site ? @site.config["plugins_dir"] : "_plugins"}/"
    @site.nil? || paths.any? { |path| Wishes::CONFIGURATIONS.include?(path) || path.start_with?(own_code) }
  end

  private

  def pass(number, whole, &block)
    @notes.warnings.clear
    @notes.errors.clear
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    error = failure_of(&block)
    warnings = @notes.warnings - (error ? [@notes.errors.last] : [])
    {
      "number" => number, "whole" => whole, "error" => error, "warnings" => warnings.map(&:scrub).uniq,
      "baseurl" => @baseurl.to_s, "seconds" => (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).round(3)
    }
  end

  def failure_of
    yield
    nil
  rescue StandardError, ScriptError, SystemExit, SystemStackError => e
    raise Superseded if @may_end && @copy.news? # of files that were half written, say

    in_words(e, @notes).join("\n")
  end

  def all
    (@site ||= configured).process
    check(@site)
  end

  # Whether each of these files has been, or will be, a page of its own: a layout has not.
  def all_rendered?(paths)
    paths.all? do |path|
      File.file?(path) && (path.match?(%r{(\A|/)(_posts|_drafts)/}) || rendered.include?(path))
    end
  end

  def rendered
    items = @site.pages + @site.documents
    items.map { |item| item.path.delete_prefix("#{SOURCE}/") }
  end

  # Jekyll asks its regenerator what to render. Looking for what is to be removed, and for files that
  # get in each other's way, takes longer than all of this; the whole build does it.
  def some(paths)
    wanted = paths.map { |path| [path, "#{SOURCE}/#{path}"] }.flatten
    chosen = ->(item) { item.respond_to?(:path) && wanted.include?(item.path) }
    @site.regenerator.define_singleton_method(:regenerate?, &chosen)
    %i[reset read generate render].each { |step| @site.public_send(step) }
    @site.each_site_file { |item| item.write(@site.dest) if chosen.call(item) }
  ensure
    @site.regenerator.singleton_class.send(:remove_method, :regenerate?)
  end

  def configured
    config, @baseurl = prepared(@from, @without)
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
  copy = Copy.new($stdin.binmode, ENV.fetch("PREVIEW_NUMBER", 0).to_i)
  Thread.new { copy.follow }.abort_on_exception = true
  site = Preview.new(ARGV.first, ARGV.drop(1), copy)
  server = PreviewServer.new(BUILT, WISHES["id"])
  paths = copy.number.zero? ? copy.next_paths : []
  loop do
    site.build(paths) do |outcome|
      server.tell(outcome)
      output.puts(JSON.generate(outcome))
    end
    paths = copy.next_paths
    restart(copy, output) if site.outdated_by?(paths)
  end
end

# The whole of Ruby starts again: what plugins have put into it cannot be taken out.
def restart(copy, output)
  copy.at_rest do
    exec({ "PREVIEW_NUMBER" => copy.number.to_s }, RbConfig.ruby, __FILE__, *ARGV, 1 => output)
  end
end

# What plugins print is no answer.
output = $stdout.dup
output.sync = true
$stdout.reopen($stderr)
preview(output)
