# frozen_string_literal: true

class SessionsController < ApplicationController
  def create
    session[:user_id] = params.require(:user_id)
    Segmo.client.identify(traits: { signed_in_at: Time.current })
    head :created
  end
end
