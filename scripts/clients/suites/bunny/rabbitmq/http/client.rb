require 'json'
require 'net/http'
require 'ostruct'
require 'uri'

# What bunny's specs of recovery ask of RabbitMQ's HTTP API.
module RabbitMQ
  module HTTP
    class Client
      def initialize(url)
        @url = url
      end

      def list_connections
        get('connections')
      end

      def list_channels
        get('channels')
      end

      def list_queues(vhost = nil)
        get(['queues', vhost].compact.map { |part| escape(part) }.join('/'))
      end

      def list_exchanges(vhost = nil)
        get(['exchanges', vhost].compact.map { |part| escape(part) }.join('/'))
      end

      def close_connection(name)
        request(Net::HTTP::Delete, "connections/#{escape(name)}")
      end

      private

      def get(path)
        JSON.parse(request(Net::HTTP::Get, path).body, object_class: OpenStruct)
      end

      def request(method, path)
        uri = URI("#{@url}/api/#{path}")
        asked = method.new(uri)
        asked.basic_auth('guest', 'guest')
        Net::HTTP.start(uri.host, uri.port) { |http| http.request(asked) }
      end

      def escape(part)
        URI.encode_www_form_component(part).gsub('+', '%20')
      end
    end
  end
end
