# frozen_string_literal: true

module Segmo
  # Takes part in an Active Record transaction as a record does, and does nothing but wait for its end.
  # @api private
  class AfterCommit
    def self.run(model, block)
      waiting = new(model, Context.current, block)
      transaction = model.connection.current_transaction
      # One that is not joinable encloses a test, and never commits.
      transaction.open? && transaction.joinable? ? model.connection.add_transaction_record(waiting) : waiting.run
    end

    def initialize(model, surroundings, block)
      @model = model
      @surroundings = surroundings
      @block = block
    end

    def run
      Context.carrying(-> { @surroundings }, &@block)
    end

    # What Active Record asks of a record.

    def trigger_transactional_callbacks?
      true
    end

    def before_committed!(*); end

    # Also when Active Record says to run no callbacks, since another one has raised: what is committed has happened.
    # Raised here, an error would keep others from running.
    def committed!(*, **)
      run
    rescue Error => e
      @model.logger&.error("segmo: a message was not accepted after the commit: #{e.message}")
    end

    def rolledback!(*, **); end

    def add_to_transaction(*); end
  end
end
