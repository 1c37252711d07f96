# frozen_string_literal: true

# Fails when a site asks for gems that are not installed here, and names all of them at once.
#
# Usage, in the builder image: ruby check.rb DIRECTORY [PLUGIN-TO-LEAVE-OUT...]

require_relative "wishes"

def installed?(name)
  Gem::Specification.find_all_by_name(name).any? || !Gem::Specification.find_by_path(name).nil?
end

def missing(directory, without)
  wishes = Wishes.new(directory, without)
  names = wishes.configured + wishes.bundled_plugins.map(&:name)
  names.uniq.reject { |name| installed?(name) } + wishes.bygone_markdown
end

begin
  names = missing(ARGV.first, ARGV.drop(1))
rescue Wishes::Broken => e
  abort "[blog] The site cannot be built: #{e.message}"
end
exit if names.empty?

abort <<~MESSAGE
  [blog] The site asks for what this distribution does not package: #{names.join(", ")}.
  [blog] Leave it out and see what is lost: --set without_plugins=#{names.join(",")}
  [blog] Or build from a registry, which has every gem: --set base_images=registry
MESSAGE
