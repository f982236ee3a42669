# frozen_string_literal: true

# The RSpec matchers, used as an application's specs use them. test_testing.rb runs this file.
require "segmo/testing/rspec"

RSpec.configure do |config|
  config.include Segmo::Testing::RSpec
  config.before { Segmo::Testing.fake!.clear }
end

RSpec.describe "an application that tracks" do
  let(:client) { Segmo::Client.new(config: false) }

  def order(total = 9.99)
    client.track(user_id: "u1", event: "Order Completed", properties: { total: total, items: [{ sku: :a }] })
  end

  def failure_of
    yield
    nil
  rescue RSpec::Expectations::ExpectationNotMetError => e
    e.message
  end

  it "matches what a block sends" do
    expect { order }.to have_tracked("Order Completed").for_user("u1").with_properties(include("total" => 9.99))
    expect { order(5) }.not_to have_tracked("Order Completed").with_properties(include("total" => 9.99))
    expect { order }.to have_tracked(/order/i).with_properties(total: 9.99, items: [{ sku: "a" }]).once
    expect { 2.times { order } }.to have_tracked("Order Completed").times(2)
    expect {}.not_to have_tracked("Order Completed")
  end

  it "matches what a client has sent" do
    client.identify(user_id: 7, traits: { plan: "pro" })
    client.page(anonymous_id: "a1", name: "Home")
    expect(client).to have_identified(7).with_traits(plan: "pro")
    expect(client).to have_sent(:page).for_anonymous("a1")
    expect(Segmo::Testing).to have_identified
    expect(Segmo::Client.new(config: false)).not_to have_identified
  end

  it "composes" do
    expect { order; client.identify(user_id: "u1") }.to have_tracked("Order Completed").and have_identified("u1")
  end

  it "says what was sent instead" do
    order(5)
    client.identify(user_id: "u2")
    said = failure_of { expect(client).to have_tracked("Order Completed").for_user("u9").with_properties(include("total" => 9.99)) }
    expect(said).to eq(<<~TEXT.chomp)
      expected to have sent track "Order Completed" with userId "u9" and properties include {"total" => 9.99}, but what was sent:
        track "Order Completed" {"properties":{"total":5,"items":[{"sku":"a"}]},"userId":"u1"} <- other userId, properties
        identify {"userId":"u2"}
    TEXT
    expect(failure_of { expect {}.to have_tracked("Order Completed") }).to end_with("but nothing was sent")
    expect(failure_of { expect(client).not_to have_tracked("Order Completed") }).to start_with("expected not to have sent track")
  end
end
