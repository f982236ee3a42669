# frozen_string_literal: true

ActiveRecord::Schema.define(version: 1) do
  create_table :orders, force: true do |t|
    t.string :user_id, null: false
    t.decimal :total, null: false, precision: 10, scale: 2
    t.timestamps
  end
end
