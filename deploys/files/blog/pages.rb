# frozen_string_literal: true

# What GitHub Pages' own build does that Jekyll alone does not, for a site that is made for it.
# Source: github/pages-gem, lib/github-pages/configuration.rb and plugins.rb.

module Pages
  GEM = "github-pages"

  # Run for each site, asked for or not. Of GitHub's own list jekyll-coffeescript is missing, which
  # wants a JavaScript engine, and jekyll-commonmark-ghpages, for which kramdown stands in.
  # jekyll-github-metadata is run where the repository is known.
  PLUGINS = %w[
    jekyll-gist jekyll-github-metadata jekyll-paginate jekyll-relative-links
    jekyll-optional-front-matter jekyll-readme-index jekyll-default-layout
    jekyll-titles-from-headings
  ].freeze
  METADATA = "jekyll-github-metadata"

  ALLOWED = %w[
    jekyll-coffeescript jekyll-commonmark-ghpages jekyll-feed jekyll-redirect-from jekyll-seo-tag
    jekyll-sitemap jekyll-avatar jemoji jekyll-mentions jekyll-include-cache jekyll-octicons
    jekyll-remote-theme jekyll-swiss minima
  ].freeze

  DEFAULTS = {
    "future" => true,
    "kramdown" => {
      "input" => "GFM", "hard_wrap" => false, "gfm_quirks" => "paragraph_end",
      "syntax_highlighter_opts" => { "default_lang" => "plaintext" }
    },
  }.freeze

  # What a site may say and GitHub Pages does not heed. Of its Markdown only kramdown's is here.
  OVERRIDES = {
    "markdown" => "kramdown", "highlighter" => "rouge", "lsi" => false,
    "kramdown" => { "template" => "", "math_engine" => "mathjax", "syntax_highlighter" => "rouge" },
  }.freeze

  module_function

  # Whether GitHub Pages runs this plugin, or has this theme.
  def knows?(name)
    (PLUGINS + ALLOWED).include?(name) || name.start_with?("jekyll-theme-")
  end

  # The site's configuration as GitHub Pages completes it; `user` is what the site itself says.
  def completed(user)
    defaults = DEFAULTS.dup
    defaults["sass"] = { "style" => "compressed" } unless ENV["JEKYLL_ENV"] == "development"
    defaults["exclude"] = ["CNAME"]
    [user, OVERRIDES].reduce(defaults) { |merged, more| Jekyll::Utils.deep_merge_hashes(merged, more) }
  end
end
