# frozen_string_literal: true

# Made from core/include/segmo.h by bindings/generate.py: do not edit.
module Segmo
  VERSION = "0.1.0"
end
