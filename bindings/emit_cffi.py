"""The header's declarations in the words that cffi reads: bindings/python/segmo/_native_decl.cdef.

The C compiler checks each of them against segmo.h when the extension is built; numbers and the
version are left to it entirely (`...`), so that none is typed twice.
"""
HEAD = "/* Made from core/include/segmo.h by bindings/generate.py: do not edit. */\n"


def declarations(api):
    parts = [[constant(name, text) for name, text in api.constants if not is_cast(text)],
             [f"typedef struct {name} {name};" for name in api.types],
             [enum(e) for e in api.enums],
             [function.declaration for function in api.functions]]
    return HEAD + "".join("\n" + "".join(line + "\n" for line in part) for part in parts)


def is_cast(text):
    """A null pointer and the like: cffi has its own (ffi.NULL)."""
    return text.startswith("(")


def constant(name, text):
    return f"static char *const {name};" if text.startswith('"') else f"#define {name} ..."


def enum(e):
    return "typedef enum {\n" + "".join(f"    {name},\n" for name, _, _ in e.members) + f"    ...\n}} {e.name};"
