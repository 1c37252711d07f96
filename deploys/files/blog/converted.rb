# frozen_string_literal: true

# What Markdown was converted to, kept from build to build: a text that has not changed is not
# converted again. It is kept in the image, beside the site, and comes back with the next context.
#
# A text is used again only where conversion would give the same: same text, Ruby, gems, _plugins and
# configuration, and a Markdown that has no code of others in it, which could look at other things.
# Jekyll's own cache on the disk has but text and configuration for a key, and holds what plugins put
# there as well; `--incremental` misses what one page says of another.

require "digest"
require "json"
require "zlib"

class Converted
  COMES_IN = ".jekyll-cache/bootstrapper-converted" # no site has that, and Jekyll does not look there
  CACHE = "Jekyll::Converters::Markdown"            # what Jekyll 4 calls it, in memory
  PARTS = %r{\A(?:Kramdown|Rouge|Jekyll::Converters::Markdown|Jekyll::Cache)(?:::|\z)}.freeze
  PUBLISHED = %r{/(?:kramdown|kramdown-parser-gfm|rouge|jekyll)-\d[^/]*/|
                 /vendor_ruby/(?:kramdown|rouge|jekyll)[/.]}x.freeze

  # Jekyll's cache of one kind in memory: by the hash of the text in place of the text.
  class Texts < Hash
    attr_reader :used

    def initialize(kept)
      super()
      update(kept)
      @used = {}
    end

    def key?(text)
      super(digest(text))
    end

    def [](text)
      @used[digest(text)] = super(digest(text))
    end

    def []=(text, html)
      super(digest(text), @used[digest(text)] = html)
    end

    private

    def digest(text)
      Digest::SHA256.hexdigest(text)
    end
  end

  # Called when Jekyll's plugins are loaded, and nothing is converted yet.
  def initialize(config)
    @config = config
    @key = key
    @kept = @config.dig("kramdown", "show_warnings") ? {} : read
    Jekyll::Cache.base_cache[CACHE] = @texts = Texts.new(untouched? ? @kept : {})
  end

  # How many texts were not converted again.
  def again
    (@texts.used.keys & @kept.keys).size
  end

  # Nothing is kept where code that came during the build has changed how Markdown is converted.
  def keep(path)
    texts = untouched? ? @texts.used : {}
    File.binwrite(path, Zlib.deflate(JSON.generate("key" => @key, "texts" => texts)), :perm => 0o600)
  end

  private

  def read
    kept = JSON.parse(Zlib.inflate(File.binread(COMES_IN)))
    kept["key"] == @key ? kept["texts"] : {}
  rescue SystemCallError, Zlib::Error, JSON::ParserError
    {}
  end

  def key
    Digest::SHA256.hexdigest([RUBY_VERSION, gems, plugins, @config.inspect].inspect)
  end

  def gems
    Gem.loaded_specs.values.map(&:full_name).sort
  end

  def plugins
    files = [*@config["plugins_dir"]].flat_map { |directory| Dir["#{directory}/**/*.rb"] }
    files.sort.map { |file| [file, Digest::SHA256.file(file).hexdigest] }
  end

  # Whether all code that converts is as it was published.
  def untouched?
    name = Module.instance_method(:name)
    parts = ObjectSpace.each_object(Module).select { |part| name.bind_call(part)&.match?(PARTS) }
    core = [String, Array, Hash, Struct, StandardError].flat_map(&:ancestors)
    parts.flat_map { |part| [part, *(part.ancestors - core)] }.uniq.all? { |part| published?(part) }
  end

  def published?(part)
    methods = [*part.instance_methods(false), *part.private_instance_methods(false)].map { |name| part.instance_method(name) }
    methods.concat(part.singleton_methods(false).map { |name| part.method(name) })
    methods.all? { |method| method.source_location.nil? || method.source_location.first.match?(PUBLISHED) }
  end
end
