# frozen_string_literal: true

require "digest"

module Segmo
  module Rack
    # A Rack application that accepts what MoEngage Streams posts: segmo turns it into messages of an HTTP source.
    #
    #   mount Segmo::Rack::CampaignExport.new(secrets: ENV.fetch("EXPORT_SECRET")) => "/moengage/export" # config/routes.rb
    #
    # MoEngage sends the secret as `Authorization: Bearer SECRET` or as the password of Basic authentication. The answer
    # is 200 when everything that can be read is on disk, and says what could not be; 400, 401, 413 or 503 (no room: post
    # it again) otherwise.
    class CampaignExport
      MAX_BYTES = 4 << 20 # MoEngage posts 100 events at a time, about 1 KB each
      LOGGED_EVENTS = 3
      RETRY_S = "30"
      private_constant :LOGGED_EVENTS, :RETRY_S

      # @param secrets [String, Array<String>] several while one replaces another
      # @param client [Client, nil] nil: {Segmo.client}
      # @param source [String, nil] the source's id, where the client has several
      # @param max_bytes [Integer] a larger body is refused
      # @raise [Error::Option] there is no secret
      def initialize(secrets:, client: nil, source: nil, max_bytes: MAX_BYTES)
        @digests = Array(secrets).map { |secret| digest(secret.to_s) }
        if @digests.empty? || @digests.include?(digest(""))
          raise Error::Option.new("the campaign export needs a secret: anyone could post events otherwise", field: "secrets")
        end

        @client = client
        @source = source
        @max_bytes = max_bytes
      end

      def call(env)
        refusal(env) || accept(env)
      end

      # What `rails routes` shows: nothing of the secrets.
      # @return [String]
      def inspect
        "#<#{self.class}>"
      end

      private

      # What can be said before the body is read.
      def refusal(env)
        return refused(405, "MoEngage posts here", "allow" => "POST") unless env["REQUEST_METHOD"] == "POST"

        return if known?(credential(env["HTTP_AUTHORIZATION"].to_s))

        refused(401, "send the secret as bearer token or as password of Basic authentication",
                "www-authenticate" => 'Basic realm="campaign export"')
      end

      def accept(env)
        body = env["rack.input"]&.read(@max_bytes + 1).to_s
        return refused(413, "at most #{@max_bytes} bytes are taken at a time") if body.bytesize > @max_bytes

        result = (@client || Segmo.client).import_streams(body, source: @source)
        tell_rejected(env, result)
        answer(200, { "status" => "success", **result })
      rescue Error => e
        tell(env, :error, "a post was not accepted: #{e.message}")
        failed(e)
      end

      # MoEngage repeats a post after anything but 2xx; what helps is that its log says why.
      def failed(error)
        case error
        when Error::TooLarge then refused(413, error.message)
        when Error::JSON, Error::Invalid then refused(400, error.message)
        when Error::NotFound, Error::Option, Error::Unsupported then refused(500, "the receiver is not set up; its log says more")
        else refused(503, "not now; post it again", "retry-after" => RETRY_S)
        end
      end

      def refused(status, words, headers = {})
        answer(status, { "status" => "error", "message" => words }, headers)
      end

      def answer(status, said, headers = {})
        [status, { "content-type" => "application/json", "cache-control" => "no-store", **headers }, [::JSON.generate(said)]]
      end

      # Compares with every secret, so that the time taken tells nothing; digests hide also its length.
      def known?(secret)
        given = digest(secret)
        @digests.map { |digest| ::Rack::Utils.secure_compare(digest, given) }.any?
      end

      def digest(secret)
        Digest::SHA256.digest(secret)
      end

      def credential(authorization)
        scheme, value = authorization.b.strip.split(/\s+/, 2)
        case scheme&.downcase
        when "bearer" then value.to_s
        when "basic" then value.to_s.unpack1("m").partition(":").last
        else ""
        end
      end

      def tell_rejected(env, result)
        rejected = result.fetch("rejected")
        return if rejected.empty?

        some = rejected.first(LOGGED_EVENTS).map { |event| "#{event["field"]}: #{event["message"]}" }.join("; ")
        tell(env, :warn, "#{rejected.length} of #{result["events"]} events cannot be read and were left out: #{some}")
      end

      def tell(env, severity, words)
        logger = env["action_dispatch.logger"] || env["rack.logger"]
        words = "segmo: campaign export: #{words}"
        logger ? logger.public_send(severity, words) : env["rack.errors"].puts(words)
      end
    end
  end
end
