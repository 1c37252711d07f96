# frozen_string_literal: true

# Serves the preview of a site as the blog's server does, with a script in each page that loads it
# again when it was built again.

require "json"
require "webrick"

class PreviewServer
  PORT = 8080
  OWN = "/.bootstrapper"
  HOLD_SECONDS = 10

  # `id` tells those who ask that it is this preview that answers.
  def initialize(root, id)
    @id = id
    @lock = Mutex.new
    @news = ConditionVariable.new
    @outcome = { "number" => 0, "build" => "", "error" => nil }
    @server = WEBrick::HTTPServer.new(
      :Port => PORT, :BindAddress => "0.0.0.0", :AccessLog => [], :Logger => WEBrick::Log.new(File::NULL),
      :MimeTypes => mime_types, :DoNotReverseLookup => true, :MaxClients => 64
    )
    @server.mount("/", Pages, root, self)
    @server.mount_proc("#{OWN}/build") { |request, response| answer(request, response) }
    @server.mount_proc("#{OWN}/preview.js") { |_, response| script(response) }
    Thread.new { @server.start }
  end

  attr_reader :baseurl

  # What came of a build. The number tells outcomes apart, `build` what is served.
  def tell(outcome)
    @baseurl = outcome["baseurl"]
    number = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
    @lock.synchronize do
      build = outcome["error"] ? @outcome["build"] : number.to_s
      @outcome = { "number" => number, "build" => build, "error" => outcome["error"] }
      @news.broadcast
    end
  end

  # A page with the script that follows what becomes of it.
  def with_script(page)
    build = @lock.synchronize { @outcome["build"] }
    tag = %(<script src="#{OWN}/preview.js" data-build="#{build}" async></script>)
    place = page.rindex(%r{</body>}i) || page.bytesize
    page.insert(place, tag)
  end

  private

  # Answers at once if there is an outcome that the asker has not seen, else when there is one.
  def answer(request, response)
    seen = request.query["after"].to_i
    outcome = @lock.synchronize do
      @news.wait(@lock, HOLD_SECONDS) if @outcome["number"] == seen
      @outcome
    end
    response["Content-Type"] = "application/json"
    response["Cache-Control"] = "no-store"
    response.body = JSON.generate(outcome.merge("preview" => @id))
  end

  def script(response)
    response["Content-Type"] = "text/javascript; charset=utf-8"
    response["Cache-Control"] = "no-store"
    response.body = File.read(File.join(__dir__, "preview.js"))
  end

  # The types of the blog's own server.
  def mime_types
    lines = File.readlines(File.join(__dir__, "mime.types"), :chomp => true)
    pairs = lines.map { |line| line.delete(";").split }.select { |words| words.size > 1 && words.first.include?("/") }
    pairs.flat_map { |type, *endings| endings.map { |ending| [ending, type] } }.to_h
  end

  # The built files, found by the rules of nginx.conf.
  class Pages < WEBrick::HTTPServlet::AbstractServlet
    TEXT = %r{\A(text/|application/(manifest\+)?json)}.freeze

    def initialize(server, root, preview)
      super(server)
      @root = root
      @preview = preview
    end

    def do_GET(request, response)
      path = request.path.b
      if (file = found(path))
        send_file(file, request, response)
      elsif File.file?("#{@root}#{path}/index.html")
        response.set_redirect(WEBrick::HTTPStatus::Found, "#{request.request_uri.path}/")
      elsif path == "/" && !@preview.baseurl.to_s.empty?
        response.set_redirect(WEBrick::HTTPStatus::Found, "#{@preview.baseurl}/")
      else
        missing(response)
      end
    end

    private

    def found(path)
      places = path.end_with?("/") ? ["#{path}index.html"] : [path, "#{path}.html"]
      places.map { |place| @root + place }.find { |file| File.file?(file) }
    end

    def send_file(file, request, response)
      response["Cache-Control"] = "no-store"
      type = WEBrick::HTTPUtils.mime_type(file, @server.config[:MimeTypes])
      return page(File.binread(file), response) if type == "text/html"

      WEBrick::HTTPServlet::DefaultFileHandler.new(@server, file).do_GET(request, response)
    ensure
      response["Content-Type"] = "#{type}; charset=utf-8" if type&.match?(TEXT)
    end

    def missing(response)
      response.status = 404
      own = "#{@root}#{@preview.baseurl}/404.html"
      page(File.file?(own) ? File.binread(own) : "<h1>Not found</h1>".b, response)
    end

    def page(content, response)
      response["Content-Type"] = "text/html; charset=utf-8"
      response["Cache-Control"] = "no-store"
      response.body = @preview.with_script(content)
    end
  end
end
