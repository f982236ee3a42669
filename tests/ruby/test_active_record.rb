# frozen_string_literal: true

# Messages that wait for a commit, with a real database.
require_relative "frameworks"
require "logger"
require "stringio"

class AfterCommitTest < SegmoTest
  def setup
    need "active_record", "sqlite3"
    super
    connect(ActiveRecord::Base, "first")
    Segmo.client = @client = open_client
  end

  def teardown
    Segmo.client = nil
    super
  end

  def connect(model, name)
    model.establish_connection(adapter: "sqlite3", database: File.join(work, name))
    model.connection.create_table(:orders) { |t| t.string :name }
    @order = Class.new(ActiveRecord::Base) { self.table_name = "orders" }
  end

  def transaction(**options, &block)
    ActiveRecord::Base.transaction(**options, &block)
  end

  def track(event)
    Segmo.after_commit { Segmo.client.track(user_id: "u1", event: event) }
  end

  def accepted
    Segmo.client.stats.fetch("destinations").fetch("segment").fetch("accepted")
  end

  def sent
    assert @client.flush(timeout: PATIENCE_S)
    sandbox.messages.map { |message| message["event"] }
  end

  def test_the_commit_decides
    transaction do
      @order.create!(name: "a")
      track("Committed")
      assert_equal 0, accepted
    end
    assert_equal 1, accepted
    transaction do
      track("Rolled back")
      raise ActiveRecord::Rollback
    end
    assert_raises(RuntimeError) { transaction { track("Raised") && raise("boom") || raise("boom") } }
    assert_equal ["Committed"], sent
  end

  def test_without_a_transaction_it_is_at_once
    track("Now")
    assert_equal ["Now"], sent
    assert_raises(Segmo::Error::Invalid) { Segmo.after_commit { Segmo.client.track(event: "Nobody's") } }
  end

  def test_inner_transactions
    transaction do
      transaction(requires_new: true) { track("Kept") }
      transaction(requires_new: true) do
        track("Rolled back inside")
        raise ActiveRecord::Rollback
      end
      transaction { track("Joined") }
      assert_equal 0, accepted
    end
    assert_equal %w[Kept Joined], sent
  end

  def test_inside_models
    @order.after_create { Segmo.after_commit { Segmo.client.track(user_id: "u1", event: "Created", properties: { id: id }) } }
    transaction do
      @order.create!(name: "a")
      assert_equal 0, accepted
    end
    @order.create!(name: "b")
    assert_equal %w[Created Created], sent
    assert_equal [1, 2], sandbox.messages.map { |message| message.dig("properties", "id") }.sort
  end

  # Rails' own tests run inside a transaction that never commits.
  def test_inside_a_transactional_test
    ActiveRecord::Base.connection.begin_transaction(joinable: false)
    track("At once")
    transaction { track("In the test's own") }
    assert_equal 2, accepted
  ensure
    ActiveRecord::Base.connection.rollback_transaction
  end

  def test_another_database
    other = Class.new(ActiveRecord::Base) { self.abstract_class = true }
    Object.const_set(:OtherRecord, other)
    connect(other, "second")
    transaction do
      other.transaction { Segmo.after_commit(other) { Segmo.client.track(user_id: "u1", event: "Other") } }
      assert_equal 1, accepted
      raise ActiveRecord::Rollback
    end
  ensure
    Object.send(:remove_const, :OtherRecord)
  end

  def test_the_surroundings_are_those_of_the_call
    transaction do
      Segmo::Context.use(user_id: "inside") { Segmo.after_commit { Segmo.client.track(event: "E") } }
    end
    assert_equal ["E"], sent
    assert_equal "inside", sandbox.messages.first["userId"]
  end

  def test_a_callback_that_raises_costs_no_message
    @order.after_commit { raise "boom" }
    assert_raises(RuntimeError) do
      transaction do
        @order.create!(name: "a")
        track("After it")
      end
    end
    assert_equal 1, @order.count
    assert_equal ["After it"], sent
  end

  # The commit has happened: others that wait for it go on, and the log has the reason.
  def test_what_is_refused_after_the_commit_is_logged
    log = StringIO.new
    ActiveRecord::Base.logger = Logger.new(log)
    transaction do
      Segmo.after_commit { Segmo.client.track(event: "Nobody's") }
      track("Next")
    end
    assert_equal ["Next"], sent
    assert_match(/ERROR.*segmo: a message was not accepted after the commit: .*userId/, log.string)
  ensure
    ActiveRecord::Base.logger = nil
  end
end
