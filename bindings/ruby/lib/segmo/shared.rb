# frozen_string_literal: true

module Segmo
  OPENING = Mutex.new
  private_constant :OPENING

  class << self
    # The client that the whole process shares, opened at its first use: with the framework's settings, the environment
    # and config/segmo.yml. Works on in forked children.
    # @return [Client]
    # @raise [Error::Option] as {Client#initialize}
    def client
      @client || OPENING.synchronize { @client ||= @opener ? @opener.call : Client.new }
    end

    # Shares another client. The one before is not closed.
    # @param client [Client, nil] nil: a new one is opened at the next use
    def client=(client)
      OPENING.synchronize { @client = client }
    end

    # @api private
    # How `client` is opened, for frameworks with settings of their own.
    def open_client_by(&opener)
      @opener = opener
    end

    # Runs the block when the transaction that is open now commits, and never when it is rolled back; at once when there
    # is none. Calls inside it see the surroundings of this call.
    #
    #   Segmo.after_commit { Segmo.client.track(user_id: id, event: "Order Completed") }
    #
    # An {Error} after a commit is logged, since raising it could not undo anything and would keep other callbacks from
    # running. Without a transaction it is raised.
    #
    # @param model [Class] an Active Record class; its connection has the transaction
    # @return [nil]
    def after_commit(model = ::ActiveRecord::Base, &block)
      AfterCommit.run(model, block)
      nil
    end
  end

  autoload :AfterCommit, "segmo/after_commit"
  autoload :Rack, "segmo/rack"
end
