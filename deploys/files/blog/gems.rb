# frozen_string_literal: true

# Makes the directory it runs in ready for `bundle install`: a site without a Gemfile gets one made
# from its configuration; plugins to be left out are taken out of the bundle; a lock that was made
# on another platform only learns of this one. What another Ruby or Bundler was meant for is said,
# and built with these.
#
# Usage: ruby gems.rb [PLUGIN-TO-LEAVE-OUT...]

require_relative "wishes"

# No longer part of Ruby since these versions; Jekyll before 4.4 takes them for granted
# (jekyll/jekyll#9741, #9774, #9852, #9915).
LEFT_RUBY = { "base64" => "3.4", "bigdecimal" => "3.4", "csv" => "3.4", "logger" => "4.0" }.freeze

# The registry that `gem` is configured with.
def own_gemfile(plugins)
  <<~GEMFILE
    source Gem.sources.first.uri.to_s
    gem "jekyll"
    group(:jekyll_plugins) { #{plugins.inspect}.each { |name| gem name.tr("/", "-") } }
  GEMFILE
end

def own_plugins(without)
  wishes = Wishes.new(".", without)
  own = wishes.pages? ? Pages::PLUGINS - without : []
  wishes.configured | own
end

# The Gemfile as it is, but for what this Ruby and the user's wish change in it.
def changed_gemfile(without, added)
  <<~GEMFILE
    eval_gemfile "Gemfile.whole"
    @ruby_version = nil
    dependencies.reject! { |gem| #{without.inspect}.include?(gem.name) }
    #{added.inspect}.each { |name| gem name unless dependencies.any? { |known| known.name == name } }
  GEMFILE
end

# The Gemfile's Ruby, if it is another than this one.
def other_ruby
  asked = Bundler::Dsl.evaluate("Gemfile", "/nonexistent/Gemfile.lock", {}).ruby_version
  asked if asked && !Gem::Requirement.new(asked.versions).satisfied_by?(Gem::Version.new(RUBY_VERSION))
rescue StandardError, ScriptError => e
  abort "[blog] The site cannot be built: Gemfile: #{e.message.strip.lines.first.to_s.strip}"
end

def left_ruby
  gone = LEFT_RUBY.select { |_, version| Gem::Version.new(RUBY_VERSION) >= Gem::Version.new(version) }
  locked = File.file?("Gemfile.lock") ? File.read("Gemfile.lock") : ""
  gone.keys.reject { |name| locked.match?(/^ {4}#{name} \(/) }
end

def change_gemfile(without)
  other = other_ruby
  added = left_ruby
  return unless other || without.any? || added.any?

  puts "[blog] The Gemfile asks for #{other}; the site is built with Ruby #{RUBY_VERSION}." if other
  File.rename("Gemfile", "Gemfile.whole")
  File.write("Gemfile", changed_gemfile(without, added))
end

def knows_this_platform?(lock)
  platforms = Bundler::LockfileParser.new(File.read(lock)).platforms
  platforms.any? { |platform| Gem::Platform.match_gem?(platform, "") }
end

# With the gems that are here, or else with the registry's.
def add_this_platform
  words = ["bundle", "lock", "--add-platform", Gem::Platform.local.to_s]
  system(*words, "--local", :out => File::NULL, :err => File::NULL) || system(*words) || abort
end

without = ARGV
if File.file?("Gemfile")
  change_gemfile(without)
else
  File.write("Gemfile", own_gemfile(own_plugins(without)))
end
add_this_platform if File.file?("Gemfile.lock") && !knows_this_platform?("Gemfile.lock")
