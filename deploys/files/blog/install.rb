# frozen_string_literal: true

# Installs gems that the distribution does not package, with what they need and is not here, from
# vendor/cache or else from GEM_SOURCE. `gem install` would resolve Debian's own gems again, and
# fails over eventmachine, which is a prerelease there.
#
# Usage, in the directory of the site's Gemfile: ruby install.rb NAME...

require "rubygems/package"

def here?(name, requirement)
  Gem::Specification.reset
  Gem::Specification.find_all_by_name(name).any? { |spec| requirement.satisfied_by?(spec.version) || spec.version.prerelease? }
end

def file_of(name, requirement)
  found = Dir["vendor/cache/#{name}-[0-9]*.gem"].find { |file| requirement.satisfied_by?(Gem::Package.new(file).spec.version) }
  return found if found || ENV["GEM_SOURCE"].to_s.empty?

  words = ["gem", "fetch", name, "--version", requirement.to_s, "--clear-sources", "--source", ENV["GEM_SOURCE"]]
  system(*words, :out => File::NULL) && Dir["#{name}-[0-9]*.gem"].last
end

def install(name, requirement = Gem::Requirement.default)
  return if here?(name, requirement)

  file = file_of(name, requirement)
  abort "[blog] The gem #{name} (#{requirement}) is neither in vendor/cache nor on the gem server." unless file
  Gem::Package.new(file).spec.runtime_dependencies.each { |needed| install(needed.name, needed.requirement) }
  puts "[blog] Installing #{File.basename(file)}"
  done = system("gem", "install", "--local", "--ignore-dependencies", "--no-document", file)
  abort "[blog] The gem #{name} cannot be installed." unless done
end

# What is in neither is named all at once by check.rb.
anywhere = !ENV["GEM_SOURCE"].to_s.empty?
ARGV.each { |name| install(name) if anywhere || Dir["vendor/cache/#{name}-[0-9]*.gem"].any? }
