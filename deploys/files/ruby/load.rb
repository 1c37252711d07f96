# frozen_string_literal: true

# Loads Jekyll and each gem of the bundle that has compiled parts: what a change of Ruby or of the
# system breaks is seen here, and not when the site is next served.

# A gem is loaded by its own name, or by the same with slashes; one that has neither is not judged.
def load(gem)
  names = [gem.name, gem.name.tr("-", "/")].uniq
  names.each do |name|
    return require(name)
  rescue LoadError => e
    raise unless e.path == name
  end
end

def compiled?(gem)
  gem.extensions.any? || gem.platform != Gem::Platform::RUBY
end

gems = Bundler.load.specs.select { |gem| gem.name == "jekyll" || compiled?(gem) }
broken = gems.sort_by(&:name).filter_map do |gem|
  load(gem)
  nil
rescue StandardError, ScriptError => e
  "#{gem.name} #{gem.version} does not load: #{e.message.lines.first.to_s.strip}"
end
abort broken.join("\n") if broken.any?
