# frozen_string_literal: true

module Segmo
  class Analytics
    # Makes of reports the calls of on_error: one for each batch that is given up, and one when a destination pauses.
    # @api private
    class Outcomes
      def initialize(on_error)
        @on_error = on_error
        @failed = {} # by destination: the last attempt that failed
        @told = {}   # by destination: the attempt that on_error knows of
      end

      # On the thread that brings reports.
      def call(report)
        case report.kind
        when :attempt then @failed[report["destination"]] = report unless report["outcome"] == "delivered"
        when :dead then dead(report)
        when :paused then tell(report)
        else Logging.logger.error("#{report.kind}: #{report.to_h.values.join(" ")}") if report.error?
        end
      end

      private

      def dead(report)
        destination = report["destination"]
        attempt = @failed[destination]
        if attempt && attempt["messageIds"].include?(report["messageId"])
          return if attempt.equal?(@told[destination])

          @told[destination] = attempt
        end
        tell(report)
      end

      def tell(report)
        attempt = @failed[report["destination"]]
        answer = attempt["answer"] if attempt && attempt["status"] == report["status"]
        words = answer.nil? || answer.empty? ? report["reason"] : answer
        Logging.logger.error([report["destination"], report["reason"], report["status"], words, report["remedy"]].compact.join(" "))
        @on_error.call(report["status"].zero? ? -1 : report["status"], words)
      end
    end
  end
end
