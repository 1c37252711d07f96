# frozen_string_literal: true

# Fails when a site asks for gems that are not installed here, and names all of them at once.
#
# Usage, in the builder image: ruby check.rb [--names] DIRECTORY [PLUGIN-TO-LEAVE-OUT...]
#   --names only prints their names, for whoever is to install them

require_relative "wishes"
require_relative "words"

def installed?(name)
  Gem::Specification.find_all_by_name(name).any? || !Gem::Specification.find_by_path(name).nil?
end

def missing(wishes)
  names = wishes.configured + wishes.bundled_plugins.map(&:name)
  names.uniq.reject { |name| installed?(name) }
end

only_names = ARGV.first == "--names"
directory, *without = only_names ? ARGV.drop(1) : ARGV
begin
  wishes = Wishes.new(directory, without)
  names = missing(wishes)
rescue Wishes::Broken => e
  abort Words.new("The site cannot be built: #{e.message}").lines.map { |line| "[blog] #{line}" }.join("\n")
end
if only_names
  puts(names.map { |name| name.tr("/", "-") })
  exit
end
names += wishes.bygone_markdown
exit if names.empty?

abort <<~MESSAGE
  [blog] The site asks for what this distribution does not package: #{names.join(", ")}.
  [blog] Leave it out and see what is lost: --set without_plugins=#{names.join(",")}
  [blog] Or build from a registry, which has every gem: --set base_images=registry
MESSAGE
