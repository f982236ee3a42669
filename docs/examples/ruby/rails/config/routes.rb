# frozen_string_literal: true

Rails.application.routes.draw do
  resource :session, only: :create
  resources :orders, only: :create

  # Where MoEngage Streams posts to.
  mount Segmo::Rack::CampaignExport.new(secrets: ENV.fetch("EXPORT_SECRET", "only for development")) => "/moengage/export"
end
