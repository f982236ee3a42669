"""The Ruby gem's share of what is made from segmo.h: the version, the numbers and the functions, for FFI.

Types follow one rule each, so that no width is ever typed by hand: JSON bytes (`const char *` with a length behind it)
are a buffer, `const char *` alone is text that ends in NUL, every other pointer is a pointer.
"""
HEAD = "# frozen_string_literal: true\n\n# Made from core/include/segmo.h by bindings/generate.py: do not edit.\n"
NUMBERS = {"int": ":int", "size_t": ":size_t", "uint32_t": ":uint32", "uint64_t": ":uint64", "void": ":void"}


def version(api):
    number = dict(api.constants)["SEGMO_VERSION"]
    return f"{HEAD}module Segmo\n  VERSION = {number}\nend\n"


def native(api):
    lines = [HEAD + "module Segmo",
             "  # The functions of libsegmo, as they are. The rest of the gem is the way to use them.",
             "  module Native",
             "    extend FFI::Library", "",
             "    ffi_lib Library.path", "",
             f"    ABI_VERSION = {dict(api.constants)['SEGMO_ABI_VERSION']}"]
    for enum in api.enums:
        lines += ["", f"    {group(enum)} = {{",
                  *(f"      {name}: {number}," for name, number, _ in enum.members), "    }.freeze"]
    lines.append("")
    lines += [attach(function) for function in api.functions]
    return "\n".join([*lines, "  end", "end", ""])


def group(enum):
    """segmo_status is STATUS, segmo_report_kind_t is REPORT_KIND."""
    return enum.name.removeprefix("segmo_").removesuffix("_t").upper()


def attach(function):
    after = [*function.parameters[1:], None]
    types = ", ".join(type_of(parameter, following) for parameter, following in zip(function.parameters, after))
    blocking = ", blocking: true" if function.blocking else ""
    return f"    attach_function :{function.name}, [{types}], {returned(function)}{blocking}"


def type_of(parameter, following):
    if parameter.type == "const char *":
        return ":buffer_in" if following and following.name == f"{parameter.name}_len" else ":string"
    return ":pointer" if parameter.type.endswith("*") else NUMBERS[parameter.type]


def returned(function):
    """Text that comes with a length may hold NUL, so it stays a pointer."""
    if function.returns == "const char *":
        return ":pointer" if any(p.name == "out_len" for p in function.parameters) else ":string"
    return ":pointer" if function.returns.endswith("*") else NUMBERS[function.returns]
