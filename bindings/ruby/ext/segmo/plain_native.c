/* The quick answer to Segmo::Plain.plain?: whether JSON can write a value as it is. The Ruby
 * method of that name in lib/segmo/plain.rb says the same in words; tests hold both together. */
#include <math.h>
#include <ruby.h>
#include <ruby/encoding.h>

#define MAX_DEPTH 64

static int is_plain(VALUE value, int depth);

static int is_plain_text(VALUE text)
{
    int coderange = rb_enc_str_coderange(text);

    return coderange == ENC_CODERANGE_7BIT ||
           (coderange == ENC_CODERANGE_VALID && rb_enc_get_index(text) == rb_utf8_encindex());
}

/* Oj drops the sign of a zero. */
static int is_plain_number(double number)
{
    return isfinite(number) && !(number == 0 && signbit(number));
}

struct search {
    int depth;
    int plain;
};

static int look_at_member(VALUE key, VALUE value, VALUE argument)
{
    struct search *search = (struct search *)argument;

    search->plain = (SYMBOL_P(key) || (!SPECIAL_CONST_P(key) && rb_obj_class(key) == rb_cString &&
                                       is_plain_text(key))) &&
                    is_plain(value, search->depth);
    return search->plain ? ST_CONTINUE : ST_STOP;
}

static int is_plain_hash(VALUE hash, int depth)
{
    struct search search = {depth + 1, 1};

    rb_hash_foreach(hash, look_at_member, (VALUE)&search);
    return search.plain;
}

static int is_plain_array(VALUE array, int depth)
{
    for (long i = 0; i < RARRAY_LEN(array); i++)
        if (!is_plain(RARRAY_AREF(array, i), depth + 1))
            return 0;
    return 1;
}

static int is_plain(VALUE value, int depth)
{
    VALUE kind;

    if (FIXNUM_P(value) || value == Qnil || value == Qtrue || value == Qfalse)
        return 1;
    if (RB_FLOAT_TYPE_P(value))
        return is_plain_number(RFLOAT_VALUE(value));
    if (SPECIAL_CONST_P(value))
        return 0;
    kind = CLASS_OF(value);
    if (kind == rb_cString)
        return is_plain_text(value);
    if (RB_TYPE_P(value, T_BIGNUM))
        return 1;
    if (depth > MAX_DEPTH)
        return 0;
    if (kind == rb_cHash)
        return is_plain_hash(value, depth);
    return kind == rb_cArray && is_plain_array(value, depth);
}

static VALUE plain_p(VALUE self, VALUE value)
{
    (void)self;
    return is_plain(value, 0) ? Qtrue : Qfalse;
}

void Init_plain_native(void)
{
    VALUE plain = rb_define_module_under(rb_define_module("Segmo"), "Plain");

    rb_define_singleton_method(plain, "plain?", plain_p, 1);
}
