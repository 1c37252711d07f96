# frozen_string_literal: true

# Which gems a site asks for that are not installed here, as JSON on standard output.
#
# Usage, in the builder image: ruby check.rb DIRECTORY [PLUGIN-TO-LEAVE-OUT...]

require "json"
require_relative "wishes"

def installed?(name)
  Gem::Specification.find_all_by_name(name).any? || !Gem::Specification.find_by_path(name).nil?
end

def installed_versions(name)
  Gem::Specification.find_all_by_name(name).map(&:version)
end

def unmet?(gem)
  versions = installed_versions(gem.name)
  versions.any? && versions.none? { |version| gem.requirement.satisfied_by?(version) }
end

def answer(directory, without)
  wishes = Wishes.new(directory, without)
  names = wishes.configured + wishes.bundled_plugins.map(&:name)
  unmet = wishes.bundled.select { |gem| unmet?(gem) }
  {
    "missing" => names.uniq.reject { |name| installed?(name) },
    "unmet"   => unmet.map { |gem| "#{gem} (here: #{installed_versions(gem.name).max})" },
  }
rescue Wishes::Broken => e
  { "broken" => e.message }
end

puts JSON.generate(answer(ARGV.first, ARGV.drop(1)))
