# frozen_string_literal: true

# The examples of docs/examples/ruby that need a framework, run as their readers run them, with real servers.
require_relative "frameworks"

class RackExampleTest < ProcessesTest
  def test_pages_and_the_campaign_export
    need "rack", "puma"
    port = serve(example("rack"), env: { "EXPORT_SECRET" => "s3cret" })
    assert_equal "seen\n", Net::HTTP.get(URI("http://127.0.0.1:#{port}/pricing?user=user-1"))
    post = URI("http://127.0.0.1:#{port}/moengage/export")
    events = JSON.generate("events" => [{ "event_name" => "Email Opened", "event_code" => "MOE_EMAIL_OPEN", "event_uuid" => "ev-1",
                                          "event_time" => 1_767_607_872, "event_type" => "CAMPAIGN_EVENT", "uid" => "user-1" }])
    assert_equal "401", Net::HTTP.post(post, events).code
    assert_equal "200", Net::HTTP.post(post, events, "Authorization" => "Bearer s3cret").code
    end_of(@puma)
    page, opened = sent(2).values_at("/pricing", "Email Opened")
    assert_equal ["user-1", "/pricing"], [page["userId"], page.dig("context", "page", "path")]
    assert_equal %w[user-1 moengage-ev-1], opened.values_at("userId", "messageId")
  end
end

class SidekiqExampleTest < ProcessesTest
  def test_a_job_knows_whose_it_is
    need "sidekiq"
    directory = example("sidekiq")
    env = start_redis
    said_by(RbConfig.ruby, "order.rb", "user-1", "9.99", env: env, directory: directory)
    sidekiq = start("sidekiq", "-r", "./shop.rb", env: env, directory: directory)
    receipt = sent(2).fetch("Receipt Sent")
    assert_equal ["user-1", "203.0.113.7", 9.99], [receipt["userId"], receipt.dig("context", "ip"), receipt.dig("properties", "total")]
    assert_predicate end_of(sidekiq), :success?
  end
end

class RailsExampleTest < ProcessesTest
  def post(path, form, headers = {})
    request = Net::HTTP::Post.new(path, headers)
    request.set_form_data(form)
    Net::HTTP.start("127.0.0.1", @port) { |http| http.request(request) }
  end

  def test_the_shop
    need "rails", "active_record", "sqlite3", "puma"
    directory = example("rails")
    env = { "RAILS_ENV" => "production", "SECRET_KEY_BASE" => "0" * 64, "EXPORT_SECRET" => "s3cret", "DISABLE_DATABASE_ENVIRONMENT_CHECK" => "1" }
    said_by("bin/rails", "db:schema:load", env: env, directory: directory)
    @port = serve(directory, env: env)
    session = post("/session", { user_id: "user-1", token: "t0ken" })
    headers = { "Cookie" => session["Set-Cookie"][/\A[^;]+/], "X-Forwarded-For" => "203.0.113.7", "User-Agent" => "curl" }
    codes = %w[9.99 0].map { |total| post("/orders?token=t0ken&a=b", { total: total }, headers).code }
    assert_equal %w[201 201 422], [session.code, *codes], log
    events = JSON.generate("events" => [{ "event_name" => "Push Clicked", "event_code" => "NOTIFICATION_CLICKED_MOE", "event_uuid" => "ev-1",
                                          "event_time" => 1_767_607_872, "event_type" => "CAMPAIGN_EVENT", "uid" => "user-1" }])
    answer = Net::HTTP.post(URI("http://127.0.0.1:#{@port}/moengage/export"), events, "Authorization" => "Bearer s3cret")
    assert_equal "200", answer.code, answer.body
    messages = sent(4)
    assert_equal ["identify", "Order Completed", "Push Clicked", "Receipt Sent"].sort, messages.keys.sort
    assert_equal ["user-1"] * 4, messages.values.map { |message| message["userId"] }
    assert_equal [{ "order_id" => 1, "total" => 9.99 }, { "order_id" => 1 }], messages.values_at("Order Completed", "Receipt Sent").map { |message| message["properties"] }
    messages.values_at("Order Completed", "Receipt Sent").each do |message|
      context = message["context"]
      assert_equal %w[203.0.113.7 curl /orders ?token=[FILTERED]&a=b], [context["ip"], context["userAgent"], *context["page"].values_at("path", "search")]
    end
    end_of(@puma)
    assert_match(/segmo: delivered .*"destination"=>"segment"/, log)
    refute_match(/t0ken/, JSON.generate(messages))
    assert_equal [4, 0], sandbox.stats.values_at("unique", "duplicates")
  end
end
