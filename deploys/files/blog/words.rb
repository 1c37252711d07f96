# frozen_string_literal: true

# What was wrong, for the site's author: Jekyll's own words, the file, its line, and the lines
# around it. Jekyll counts a page's lines from the end of its front matter.

class Words
  # What Jekyll, Liquid, Sass and Psych say of a place.
  FILES = [
    %r{ on line \d+(?::\d+)? of (?<file>[^\n]+)},        # Sass
    %r{\((?<file>[^\s():]\S*) line \d+\)},               # Liquid, of an include
    %r{(?:YAML Exception reading|Error reading file) (?<file>.+?):},
    %r{(?:\A|: )(?<file>[^\s:]+): },
    %r{Document '(?<file>[^']+)'},
    %r{.* in (?<file>.+?)(?:/#excerpt)?\s*\z}m,          # Liquid, last of all
  ].freeze
  LINES = [%r{ on line (\d+)}, %r{\bline (\d+)\)}, %r{ at line (\d+) column}].freeze
  BODY = %r{\A---\s*\n.*?^(?:---|\.\.\.)\s*$\n?}m.freeze
  AROUND = 1

  def initialize(message)
    @message = message.gsub("#{Dir.pwd}/", "").gsub(/\(<unknown>\): /, "").strip
  end

  # The message in one line, then the lines of the file.
  def lines
    [said, *excerpt]
  end

  private

  def said
    text = @message.lines.map(&:strip).grep_v(/\A(?:>>|-*\^|from line )/).join(" ").squeeze(" ").strip
    return text unless file && line && !@message.match?(/#{Regexp.escape(file)}:#{line}/)

    "#{text} (#{file}:#{line})"
  end

  def file
    @file ||= FILES.filter_map { |pattern| @message.match(pattern)&.[](:file) }
                   .map { |name| name.delete_prefix("/").strip }
                   .find { |name| File.file?(name) }
  end

  def text
    @text ||= File.read(file, :encoding => "bom|utf-8").scrub
  end

  # Where the line is in the file, counted from 1.
  def line
    return unless file

    @line ||= quoted_line || told_line || named_line
  end

  # Sass shows the line itself.
  def quoted_line
    shown = @message[/^>> (.*)$/, 1]&.strip
    place = shown && text.lines.index { |candidate| candidate.strip == shown }
    place && place + 1
  end

  def told_line
    told = LINES.filter_map { |pattern| @message[pattern, 1] }.first
    told && (told.to_i + (@message.match?(/ at line \d+ column/) ? 0 : front_matter))
  end

  # No line is told of an include that is not there, but its name is.
  def named_line
    name = @message[/'([^']+)'/, 1]
    place = name && text.lines.index { |candidate| candidate.include?(name) }
    place && place + 1
  end

  def front_matter
    text[BODY].to_s.count("\n")
  end

  def excerpt
    return [] unless line

    all = text.lines.map(&:chomp)
    ((line - AROUND)..(line + AROUND)).select { |number| number.between?(1, all.size) }.map do |number|
      format("%<mark>s %<number>4d | %<text>s", :mark => number == line ? ">" : " ", :number => number,
                                                :text => all[number - 1][0, 160])
    end
  end
end
