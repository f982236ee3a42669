# frozen_string_literal: true

module Segmo
  class Analytics
    # The arguments of the calls, checked, as messages of Segment's spec with symbol keys. Nothing given is changed.
    # A message id, a time and the library's name are added later, where they are not given.
    class FieldParser
      class << self
        # @param fields [Hash{Symbol => Object}] the call's arguments
        # @return [Hash{Symbol => Object}] the message
        # @raise [ArgumentError] something is missing or of the wrong kind
        def parse_for_track(fields)
          message = common("track", fields)
          message[:event] = given(fields, :event).to_s
          message[:properties] = details(fields, :properties)
          message
        end

        # As {parse_for_track}.
        def parse_for_identify(fields)
          message = common("identify", fields)
          message[:traits] = details(fields, :traits)
          message
        end

        # As {parse_for_track}.
        def parse_for_alias(fields)
          message = common("alias", fields)
          message[:previousId] = given(fields, :previous_id)
          message
        end

        # As {parse_for_track}.
        def parse_for_group(fields)
          message = common("group", fields)
          message[:groupId] = given(fields, :group_id)
          message[:traits] = details(fields, :traits)
          message
        end

        # As {parse_for_track}.
        def parse_for_page(fields)
          view(common("page", fields), fields[:name] || "", fields)
        end

        # As {parse_for_track}.
        def parse_for_screen(fields)
          view(common("screen", fields), given(fields, :name), fields)
        end

        private

        def common(type, fields)
          raise ArgumentError, "Must supply either user_id or anonymous_id" if blank?(fields[:user_id]) && blank?(fields[:anonymous_id])

          check_timestamp(fields[:timestamp])
          message = { type: type, context: context(fields) }
          message[:timestamp] = Utils.time_in_iso8601(fields[:timestamp]) if fields[:timestamp]
          message[:messageId] = fields[:message_id].to_s if fields[:message_id]
          message[:userId] = fields[:user_id] if fields[:user_id]
          message[:anonymousId] = fields[:anonymous_id] if fields[:anonymous_id]
          message[:integrations] = fields[:integrations] if fields[:integrations]
          message[:options] = fields[:options] if fields[:options]
          message
        end

        def view(message, name, fields)
          message[:name] = name.to_s
          message[:properties] = details(fields, :properties)
          message[:category] = fields[:category] if fields[:category]
          message
        end

        def check_timestamp(time)
          raise ArgumentError, "Timestamp must be a Time" unless time.nil? || time == false || time.is_a?(Time)
        end

        def context(fields)
          context = fields[:context] || {}
          context.is_a?(Hash) ? context : raise(TypeError, "context must be a Hash")
        end

        def details(fields, field)
          details = fields[field] || {}
          raise ArgumentError, "#{field} must be a Hash" unless details.is_a?(Hash)

          Utils.isoify_dates(details)
        end

        def given(fields, field)
          blank?(fields[field]) ? raise(ArgumentError, "#{field} must be given") : fields[field]
        end

        def blank?(value)
          value.nil? || value == ""
        end
      end
    end
  end
end
