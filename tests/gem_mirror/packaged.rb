# frozen_string_literal: true

# The gems that Debian packages, and the files that each is made of.
#
# Usage, in an image of a test's own: ruby packaged.rb --remove
#   leaves Ruby with what it brings itself, as a registry's image of Ruby has it

class Packaged
  RUBYS_OWN = %w[bundler rubygems-update].freeze
  LIBRARIES = %r{\A/usr/(?:lib/ruby/vendor_ruby|lib/[^/]+/ruby/vendor_ruby/[\d.]+)/(?<path>.+)}.freeze
  EXTENSIONS = %r{\A/usr/lib/[^/]+/rubygems-integration/[^/]+/extensions/[^/]+/[^/]+/[^/]+/(?<path>.+\.so)\z}.freeze
  GEMS = %r{\A/usr/(?:share|lib/[^/]+)/rubygems-integration/[^/]+/(?:gems/[^/]+/(?<path>.+)|.*)}.freeze
  PROGRAMS = %r{\A/usr/bin/(?<path>.+)}.freeze

  attr_reader :spec

  def self.all
    Gem::Specification.select { |spec| spec.loaded_from.include?("rubygems-integration") }
                      .reject { |spec| RUBYS_OWN.include?(spec.name) }.map { |spec| new(spec) }
  end

  def self.with_what_they_need(names)
    all_of = all.to_h { |packaged| [packaged.spec.name, packaged] }
    needed = names.dup
    needed.each { |name| needed.concat(all_of[name]&.needs.to_a - needed) }
    all_of.values_at(*needed).compact
  end

  def initialize(spec)
    @spec = spec
  end

  def needs
    spec.runtime_dependencies.map(&:name)
  end

  # Their names in the gem, and their content.
  def files
    owned.select { |file| name_of(file) }.to_h { |file| [name_of(file), File.binread(file)] }
  end

  # What makes the gem one that is there.
  def remove
    owned.grep_v(PROGRAMS).each { |file| File.delete(file) if File.exist?(file) }
  end

  private

  def owned
    package = IO.popen(["dpkg-query", "-S", spec.loaded_from], &:read)[/\A[^:]+/]
    @owned ||= IO.popen(["dpkg-query", "-L", package], &:readlines).map(&:chomp)
                 .select { |path| File.file?(path) && [LIBRARIES, GEMS, PROGRAMS].any? { |place| place.match?(path) } }
  end

  def name_of(file)
    library = LIBRARIES.match(file) || EXTENSIONS.match(file)
    return "lib/#{library[:path]}" if library

    program = PROGRAMS.match(file)
    program ? "exe/#{program[:path]}" : GEMS.match(file)[:path]
  end
end

Packaged.all.each(&:remove) if ARGV == ["--remove"]
