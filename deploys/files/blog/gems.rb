# frozen_string_literal: true

# Makes the directory it runs in ready for `bundle install`: a site without a Gemfile gets one made
# from its configuration; plugins to be left out are taken out of the bundle; a lock that was made
# on another platform only learns of this one.
#
# Usage: ruby gems.rb [PLUGIN-TO-LEAVE-OUT...]

require_relative "wishes"

# The registry that `gem` is configured with.
def own_gemfile(plugins)
  <<~GEMFILE
    source Gem.sources.first.uri.to_s
    gem "jekyll"
    group(:jekyll_plugins) { #{plugins.inspect}.each { |name| gem name.tr("/", "-") } }
  GEMFILE
end

def gemfile_without(plugins)
  <<~GEMFILE
    eval_gemfile "Gemfile.whole"
    dependencies.reject! { |gem| #{plugins.inspect}.include?(gem.name) }
  GEMFILE
end

def knows_this_platform?(lock)
  platforms = Bundler::LockfileParser.new(File.read(lock)).platforms
  platforms.any? { |platform| Gem::Platform.match_gem?(platform, "") }
end

without = ARGV
if !File.file?("Gemfile")
  File.write("Gemfile", own_gemfile(Wishes.new(".", without).configured))
elsif without.any?
  File.rename("Gemfile", "Gemfile.whole")
  File.write("Gemfile", gemfile_without(without))
end
if File.file?("Gemfile.lock") && !knows_this_platform?("Gemfile.lock")
  system("bundle", "lock", "--add-platform", Gem::Platform.local.to_s) || abort
end
