# frozen_string_literal: true

# Makes the files of a gem server: Jekyll and what it needs, as this Debian packages them, and a few
# gems that are made here. They are what `bundle install` and `gem fetch` ask for.
#
# Usage, in the builder image: ruby mirror.rb DIRECTORY

require "digest"
require "fileutils"
require "rubygems/indexer"
require "rubygems/package"
require "tmpdir"
require_relative "packaged"

# A plugin of two versions, and one with parts for each platform: compiled ahead, as with sass-embedded.
TAG = "Liquid::Template.register_tag(%<tag>p, Class.new(Liquid::Tag) { define_method(:render) { |_| %<text>p } })\n"
MADE = [
  ["jekyll-beside", "1.0", "ruby"], ["jekyll-beside", "1.1", "ruby"],
  ["jekyll-native", "1.0", "arm64-darwin"], ["jekyll-native", "1.0", Gem::Platform.local.to_s],
].freeze

JEKYLL = %w[jekyll jekyll-feed minima].freeze

def built(spec, files)
  Dir.mktmpdir do |work|
    Dir.chdir(work) do
      files.each do |name, content|
        FileUtils.mkdir_p(File.dirname(name))
        File.binwrite(name, content)
      end
      spec.extra_rdoc_files = spec.test_files = []
      spec.files = files.keys
      Gem::Package.build(spec, true)
      FileUtils.mv(spec.file_name, File.join(OUT, "gems"))
    end
  end
end

# Debian's own gem, as its author would have published it, but with compiled parts in it.
def repackage(packaged)
  spec = packaged.spec.dup
  spec.extensions = []
  spec.version = "1.2.7" if spec.name == "eventmachine" # a prerelease, which nobody asks for
  spec.require_paths = spec.require_paths.grep_v(%r{\A/}) | ["lib"]
  spec.bindir = "exe"
  files = packaged.files
  spec.executables = spec.executables.select { |name| files.key?("exe/#{name}") }
  built(spec, files)
end

def make(name, version, platform)
  spec = Gem::Specification.new(name, version) do |gem|
    gem.platform = platform
    gem.summary = gem.authors = "a test"
    gem.add_dependency("jekyll", ">= 3")
  end
  built(spec, "lib/#{name}.rb" => format(TAG, :tag => name.tr("-", "_"), :text => "#{name} #{version} #{platform}"))
end

# What Bundler reads: /names, /versions and /info/NAME.
def compact_index
  FileUtils.mkdir_p("#{OUT}/info")
  gems = Dir["#{OUT}/gems/*.gem"].sort.map { |file| [Gem::Package.new(file).spec, Digest::SHA256.file(file).hexdigest] }
  lines = gems.group_by { |spec, _| spec.name }.sort.map do |name, versions|
    info = "---\n" + versions.map { |spec, sum| info_line(spec, sum) }.join
    File.write("#{OUT}/info/#{name}", info)
    "#{name} #{versions.map { |spec, _| numbered(spec) }.join(",")} #{Digest::MD5.hexdigest(info)}\n"
  end
  File.write("#{OUT}/versions", "created_at: 2024-01-01T00:00:00Z\n---\n#{lines.join}")
  File.write("#{OUT}/names", "---\n#{gems.map { |spec, _| spec.name }.uniq.join("\n")}\n")
end

def numbered(spec)
  spec.platform == "ruby" ? spec.version.to_s : "#{spec.version}-#{spec.platform}"
end

def info_line(spec, sum)
  needs = spec.runtime_dependencies.map { |needed| "#{needed.name}:#{needed.requirement.as_list.join("&")}" }
  "#{numbered(spec)} #{needs.join(",")}|checksum:#{sum}\n"
end

Gem::DefaultUserInteraction.ui = Gem::SilentUI.new
OUT = File.expand_path(ARGV.fetch(0))
FileUtils.mkdir_p("#{OUT}/gems")
Packaged.with_what_they_need(JEKYLL).each { |packaged| repackage(packaged) }
MADE.each { |gem| make(*gem) }
compact_index
Gem::Indexer.new(OUT, :build_modern => true).generate_index
