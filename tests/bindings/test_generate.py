"""The generator refuses a header that leaves a reader guessing, and its files match the header."""
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def load(name, path):
    """A module under a name of our choice: `generate` is also the name of the tests' event generator."""
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.append(str(ROOT / "bindings"))  # last, so that the tests' generator keeps its name
generate = load("bindings_generate", ROOT / "bindings/generate.py")
emit_ruby = sys.modules["emit_ruby"]
HEADER = (ROOT / "core/include/segmo.h").read_text()
SECTION = "/* ---- things ---- */\n\n"


def declaration(words="Does it.", tags="@thread any\n * @since 0.1", code="int segmo_do(int timeout);"):
    return f"{SECTION}/** {words}\n *\n * {tags}\n */\n{code}\n"


def refusal(text):
    with pytest.raises(generate.Refused) as caught:
        generate.parse(text)
    return str(caught.value)


def test_a_complete_declaration_is_read():
    api = generate.parse(declaration(code="const char *segmo_do(const segmo_x *x,\n        size_t *out_len);"))
    function, = api.functions
    assert function.declaration == "const char *segmo_do(const segmo_x *x, size_t *out_len);"
    assert [p.type for p in function.parameters] == ["const segmo_x *", "size_t *"]
    assert (function.words, function.tags, function.section) == ("Does it.", {"thread": "any", "since": "0.1"}, "things")


def test_a_declaration_without_a_comment_is_refused_by_name_and_line():
    assert refusal(SECTION + "int segmo_do(void);\n") == (
        "segmo.h:3: segmo_do has no comment: write /** ... */ right above it")


@pytest.mark.parametrize("tags, cause", [
    ("@since 0.1", "@thread"), ("@thread some\n * @since 0.1", "@thread"), ("@thread any", "@since"),
    ("@thread any\n * @since soon", "@since"), ("@thread any\n * @since 0.1\n * @locks x", "@locks"),
    ("@thread any\n * @blocking\n * @since 0.1", "@blocking")])
def test_a_missing_or_wrong_tag_is_refused(tags, cause):
    assert cause in refusal(declaration(tags=tags))


def test_a_function_that_can_wait_and_does_not_say_so_is_refused():
    assert "lacks @blocking" in refusal(declaration(code="int segmo_do(uint32_t timeout_ms);"))


def test_tags_without_words_are_refused():
    assert "no words" in refusal(declaration(words=""))


def test_a_declaration_in_an_unread_form_is_refused_and_not_left_out():
    assert "segmo_hidden" in refusal(declaration() + "SEGMO_API int segmo_hidden(void) SEGMO_PURE;\n")


def test_a_later_release_gets_a_node_of_its_own():
    later = declaration(tags="@thread any\n * @since 0.10", code="int segmo_later(void);")
    text = generate.version_script(generate.parse(declaration() + later))
    assert re.sub(r"\s+", " ", text.partition("\n")[2]).strip() == (
        "SEGMO_0.1 { global: segmo_do; local: *; }; SEGMO_0.10 { global: segmo_later; } SEGMO_0.1;")


def test_every_function_of_the_header_is_exported_and_in_the_reference():
    api = generate.parse(HEADER)
    named = set(re.findall(r"\b(segmo_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)))
    assert {f.name for f in api.functions} == named and len(named) > 40
    exported, reference = generate.version_script(api), generate.reference(api)
    assert all(f"        {name};" in exported and f"### {name}\n" in reference for name in named)


def test_enums_keep_their_numbers():
    status = next(e for e in generate.parse(HEADER).enums if e.name == "segmo_status")
    assert ("SEGMO_OK", 0, "done") in status.members and status.members[-1][1] == -11


def test_a_stale_file_is_noticed_and_a_fresh_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    wanted = {tmp_path / "made.md": "words\n"}
    assert generate.write_or_check(wanted, check=True) == 1
    assert generate.write_or_check(wanted, check=False) == 0
    assert generate.write_or_check(wanted, check=True) == 0


@pytest.mark.parametrize("code, attached", [
    ("int segmo_do(const char *json, size_t json_len, const char *name);", "[:buffer_in, :size_t, :string], :int"),
    ("int segmo_do(segmo_x *x, uint64_t *count, uint32_t n);", "[:pointer, :pointer, :uint32], :int"),
    ("const char *segmo_do(const segmo_x *x, size_t *out_len);", "[:pointer, :pointer], :pointer"),
    ("const char *segmo_do(void);", "[], :string"),
    ("void segmo_do(segmo_x *x);", "[:pointer], :void")])
def test_ruby_declares_a_function_with_the_widths_of_c(code, attached):
    function, = generate.parse(declaration(code=code)).functions
    assert emit_ruby.attach(function) == f"    attach_function :segmo_do, {attached}"


def test_ruby_lets_go_of_its_lock_where_a_function_may_wait():
    code = "int segmo_do(segmo_x *x, uint32_t timeout_ms);"
    function, = generate.parse(declaration(tags="@thread any\n * @blocking\n * @since 0.1", code=code)).functions
    assert emit_ruby.attach(function).endswith("[:pointer, :uint32], :int, blocking: true")


def test_ruby_knows_every_number_and_function():
    text = emit_ruby.native(generate.parse(HEADER))
    assert "SEGMO_ERR_UNSUPPORTED: -11," in text and "SEGMO_REPORT_LOG: 10," in text
    assert {found for found in re.findall(r"attach_function :(\w+)", text)} == \
        {function.name for function in generate.parse(HEADER).functions}


def test_what_is_checked_in_is_what_the_header_says():
    assert generate.write_or_check(generate.outputs(generate.parse(HEADER)), check=True) == 0
