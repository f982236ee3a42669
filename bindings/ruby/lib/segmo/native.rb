# frozen_string_literal: true

# Made from core/include/segmo.h by bindings/generate.py: do not edit.
module Segmo
  # The functions of libsegmo, as they are. The rest of the gem is the way to use them.
  module Native
    extend FFI::Library

    ffi_lib Library.path

    ABI_VERSION = 1

    STATUS = {
      SEGMO_OK: 0,
      SEGMO_SYNC_WANTED: 1,
      SEGMO_ERR_INVALID: -1,
      SEGMO_ERR_OPTION: -2,
      SEGMO_ERR_JSON: -3,
      SEGMO_ERR_TOO_LARGE: -4,
      SEGMO_ERR_FULL: -5,
      SEGMO_ERR_TIMEOUT: -6,
      SEGMO_ERR_CLOSED: -7,
      SEGMO_ERR_IO: -8,
      SEGMO_ERR_MEMORY: -9,
      SEGMO_ERR_NOT_FOUND: -10,
      SEGMO_ERR_UNSUPPORTED: -11,
    }.freeze

    REPORT_KIND = {
      SEGMO_REPORT_NONE: 0,
      SEGMO_REPORT_DELIVERED: 1,
      SEGMO_REPORT_DEAD: 2,
      SEGMO_REPORT_SKIPPED: 3,
      SEGMO_REPORT_WARNING: 4,
      SEGMO_REPORT_PAUSED: 5,
      SEGMO_REPORT_RESUMED: 6,
      SEGMO_REPORT_SETTINGS: 7,
      SEGMO_REPORT_SPOOL: 8,
      SEGMO_REPORT_ATTEMPT: 9,
      SEGMO_REPORT_LOG: 10,
    }.freeze

    attach_function :segmo_version, [], :string
    attach_function :segmo_abi_version, [], :int
    attach_function :segmo_features, [], :string
    attach_function :segmo_free, [:pointer], :void
    attach_function :segmo_error_status, [:pointer], :int
    attach_function :segmo_error_message, [:pointer], :string
    attach_function :segmo_error_field, [:pointer], :string
    attach_function :segmo_error_retryable, [:pointer], :int
    attach_function :segmo_error_free, [:pointer], :void
    attach_function :segmo_status_name, [:int], :string
    attach_function :segmo_config_new, [:pointer, :pointer], :int
    attach_function :segmo_config_set, [:pointer, :string, :string, :pointer], :int
    attach_function :segmo_config_get, [:pointer, :string, :pointer, :pointer], :int
    attach_function :segmo_config_number, [:pointer, :string, :pointer, :pointer], :int
    attach_function :segmo_config_secret_is, [:pointer, :string, :buffer_in, :size_t, :pointer], :int
    attach_function :segmo_config_load, [:pointer, :string, :pointer], :int
    attach_function :segmo_config_load_env, [:pointer, :pointer], :int
    attach_function :segmo_config_json, [:pointer, :pointer, :pointer, :pointer], :int
    attach_function :segmo_config_free, [:pointer], :void
    attach_function :segmo_options_json, [:pointer, :pointer, :pointer], :int
    attach_function :segmo_client_open, [:pointer, :pointer, :pointer], :int
    attach_function :segmo_client_set, [:pointer, :string, :string, :pointer], :int
    attach_function :segmo_client_reload, [:pointer, :pointer], :int
    attach_function :segmo_client_source_json, [:pointer, :string, :pointer, :pointer, :pointer], :int
    attach_function :segmo_client_enqueue, [:pointer, :string, :buffer_in, :size_t, :pointer], :int
    attach_function :segmo_client_enqueue_batch, [:pointer, :string, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_client_sync, [:pointer, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_wait_room, [:pointer, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_flush, [:pointer, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_mark, [:pointer, :pointer, :pointer], :int
    attach_function :segmo_client_flush_to, [:pointer, :uint64, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_poll, [:pointer, :pointer, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_report_fd, [:pointer], :int
    attach_function :segmo_client_stats_json, [:pointer, :pointer, :pointer, :pointer], :int
    attach_function :segmo_client_explain, [:pointer, :string, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_client_import_streams, [:pointer, :string, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_client_holds, [:pointer, :string, :pointer, :pointer], :int
    attach_function :segmo_client_close, [:pointer, :uint32, :pointer], :int, blocking: true
    attach_function :segmo_client_free, [:pointer], :void
    attach_function :segmo_identify, [:pointer, :string, :string, :string, :pointer], :int
    attach_function :segmo_track, [:pointer, :string, :string, :string, :string, :pointer], :int
    attach_function :segmo_page, [:pointer, :string, :string, :string, :string, :pointer], :int
    attach_function :segmo_screen, [:pointer, :string, :string, :string, :string, :pointer], :int
    attach_function :segmo_group, [:pointer, :string, :string, :string, :string, :pointer], :int
    attach_function :segmo_alias, [:pointer, :string, :string, :string, :pointer], :int
    attach_function :segmo_transform, [:pointer, :string, :string, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_explain, [:pointer, :string, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_probe, [:pointer, :string, :uint32, :pointer, :pointer, :pointer], :int, blocking: true
    attach_function :segmo_convert_streams, [:pointer, :buffer_in, :size_t, :pointer, :pointer, :pointer], :int
    attach_function :segmo_spool_json, [:pointer, :pointer, :pointer, :pointer], :int
    attach_function :segmo_topic_json, [:pointer, :uint32, :pointer, :pointer, :pointer], :int, blocking: true
    attach_function :segmo_dead_list, [:pointer, :string, :pointer, :pointer, :pointer], :int
    attach_function :segmo_dead_retry, [:pointer, :string, :pointer, :pointer], :int
    attach_function :segmo_dead_drop, [:pointer, :string, :pointer, :pointer], :int
    attach_function :segmo_report_kind, [:pointer], :int
    attach_function :segmo_report_json, [:pointer, :pointer], :pointer
    attach_function :segmo_report_free, [:pointer], :void
  end
end
