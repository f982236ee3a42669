# frozen_string_literal: true

workers 2
preload_app!
threads 1, 2
