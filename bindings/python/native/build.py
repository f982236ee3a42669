"""What cffi compiles into segmo._native: the generated declarations, checked against segmo.h."""
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent

ffi = FFI()
ffi.cdef((HERE.parent / "segmo/_native_decl.cdef").read_text())
ffi.set_source("segmo._native", "#include <segmo.h>", py_limited_api=True,
               sources=["bindings/python/native/hot.c", "bindings/python/native/encode.c"])
