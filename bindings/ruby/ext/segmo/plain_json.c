/* Segmo::Plain.write, compiled: writes plain data as JSON and leaves the rest to Ruby.
 *
 * The same in Ruby stands in lib/segmo/plain.rb; the tests hold both together. Nothing here calls a
 * method that a host can define, but Float#to_s for the floats that take it. */
#include <math.h>
#include <ruby.h>
#include <ruby/encoding.h>

#define MAX_DEPTH    64
#define TEXT_STEP    64 /* bytes of a string between two looks at the room left */
#define WIDEST_CHAR  6  /* \u001f */
#define NUMBER_WIDTH 32
#define SCALE        10000 /* floats with up to four decimals are integers of this part */
#define SCALED_MAX   1e15  /* fifteen digits belong to one float alone */

/* The string that is written into; `at` runs ahead of its length, which is set at the end. */
typedef struct {
    VALUE out;
    char *at;
    char *end;
} writer;

static int write_value(writer *w, VALUE value, int depth);

static void sync_length(writer *w)
{
    rb_str_set_len(w->out, w->at - RSTRING_PTR(w->out));
}

static void make_room(writer *w, long bytes)
{
    if (w->end - w->at >= bytes)
        return;
    sync_length(w);
    rb_str_modify_expand(w->out, bytes + RSTRING_LEN(w->out));
    w->at = RSTRING_END(w->out);
    w->end = RSTRING_PTR(w->out) + rb_str_capacity(w->out);
}

static void put_char(writer *w, char c)
{
    make_room(w, 1);
    *w->at++ = c;
}

static void put(writer *w, const char *bytes, long len)
{
    make_room(w, len);
    memcpy(w->at, bytes, (size_t)len);
    w->at += len;
}

static char *put_escaped(char *at, unsigned char c)
{
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";

    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
    } else if (short_forms[c]) {
        *at++ = short_forms[c];
    } else {
        memcpy(at, "u00", 3);
        at[3] = digits[c >> 4];
        at[4] = digits[c & 15];
        at += 5;
    }
    return at;
}

/* Valid UTF-8 (ASCII in any encoding is); everything else is Ruby's to bring there. */
static int write_text(writer *w, VALUE text)
{
    int coderange = rb_enc_str_coderange(text);
    const char *from = RSTRING_PTR(text), *end = from + RSTRING_LEN(text);

    if (coderange != ENC_CODERANGE_7BIT &&
        (coderange != ENC_CODERANGE_VALID || rb_enc_get_index(text) != rb_utf8_encindex()))
        return 0;
    put_char(w, '"');
    while (from < end) {
        const char *stop = end - from > TEXT_STEP ? from + TEXT_STEP : end;

        make_room(w, TEXT_STEP * WIDEST_CHAR);
        for (; from < stop; from++) {
            unsigned char c = (unsigned char)*from;

            if (c < 0x20 || c == '"' || c == '\\')
                w->at = put_escaped(w->at, c);
            else
                *w->at++ = (char)c;
        }
    }
    put_char(w, '"');
    RB_GC_GUARD(text); /* making room may compact the heap, and move a short string's bytes */
    return 1;
}

static void write_integer(writer *w, long number)
{
    char digits[NUMBER_WIDTH], *at = digits + sizeof digits;
    unsigned long rest = number < 0 ? 0UL - (unsigned long)number : (unsigned long)number;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    put(w, at, digits + sizeof digits - at);
}

/* A float that is n / 10000, as prices are. The division below is exact to the last bit, so when it
 * gives the float back, n's digits do too; and having at most fifteen, no shorter ones do. */
static int write_short_decimal(writer *w, double number)
{
    double scaled = rint(number * SCALE);
    long n = 0, fraction;
    int digits = 4;

    if (!(fabs(scaled) < SCALED_MAX) || scaled == 0 || scaled / SCALE != number)
        return 0;
    n = (long)scaled;
    if (n < 0) {
        put_char(w, '-');
        n = -n;
    }
    write_integer(w, n / SCALE);
    fraction = n % SCALE;
    for (; digits > 1 && fraction % 10 == 0; digits--)
        fraction /= 10;
    make_room(w, NUMBER_WIDTH);
    *w->at++ = '.';
    for (int i = digits - 1; i >= 0; i--, fraction /= 10)
        w->at[i] = (char)('0' + fraction % 10);
    w->at += digits;
    return 1;
}

static int write_ruby_text(writer *w, VALUE text)
{
    if (!RB_TYPE_P(text, T_STRING))
        return 0;
    put(w, RSTRING_PTR(text), RSTRING_LEN(text));
    RB_GC_GUARD(text);
    return 1;
}

static int write_float(writer *w, VALUE value)
{
    double number = RFLOAT_VALUE(value);

    if (!isfinite(number))
        return 0;
    return write_short_decimal(w, number) ||
           write_ruby_text(w, rb_funcall(value, rb_intern("to_s"), 0));
}

struct members {
    writer *w;
    int depth;
    int plain;
    int first;
};

static int write_member(VALUE key, VALUE value, VALUE argument)
{
    struct members *members = (struct members *)argument;
    writer *w = members->w;

    if (!members->first)
        put_char(w, ',');
    members->first = 0;
    if (RB_SYMBOL_P(key))
        key = rb_sym2str(key);
    else if (SPECIAL_CONST_P(key) || CLASS_OF(key) != rb_cString)
        members->plain = 0;
    members->plain = members->plain && write_text(w, key);
    if (members->plain) {
        put_char(w, ':');
        members->plain = write_value(w, value, members->depth);
    }
    return members->plain ? ST_CONTINUE : ST_STOP;
}

static int write_hash(writer *w, VALUE hash, int depth)
{
    struct members members = {w, depth + 1, 1, 1};

    put_char(w, '{');
    rb_hash_foreach(hash, write_member, (VALUE)&members);
    put_char(w, '}');
    return members.plain;
}

static int write_array(writer *w, VALUE array, int depth)
{
    put_char(w, '[');
    for (long i = 0; i < RARRAY_LEN(array); i++) {
        if (i > 0)
            put_char(w, ',');
        if (!write_value(w, RARRAY_AREF(array, i), depth + 1))
            return 0;
    }
    put_char(w, ']');
    return 1;
}

/* 0 for what is not plain: a subclass, another class, invalid text, no number, or too deep. */
static int write_value(writer *w, VALUE value, int depth)
{
    if (value == Qnil)
        return put(w, "null", 4), 1;
    if (value == Qtrue)
        return put(w, "true", 4), 1;
    if (value == Qfalse)
        return put(w, "false", 5), 1;
    if (FIXNUM_P(value))
        return write_integer(w, FIX2LONG(value)), 1;
    if (RB_FLOAT_TYPE_P(value))
        return write_float(w, value);
    if (RB_SYMBOL_P(value))
        return write_text(w, rb_sym2str(value));
    if (SPECIAL_CONST_P(value) || depth > MAX_DEPTH)
        return 0;
    if (CLASS_OF(value) == rb_cString)
        return write_text(w, value);
    if (CLASS_OF(value) == rb_cHash)
        return write_hash(w, value, depth);
    if (CLASS_OF(value) == rb_cArray)
        return write_array(w, value, depth);
    return RB_TYPE_P(value, T_BIGNUM) && write_ruby_text(w, rb_big2str(value, 10));
}

static VALUE plain_write(VALUE self, VALUE value, VALUE out)
{
    writer w = {out, NULL, NULL};
    int plain;

    (void)self;
    StringValue(out);
    rb_str_modify(out); /* it may share its bytes with another string */
    rb_str_set_len(out, 0);
    rb_enc_associate_index(out, rb_utf8_encindex());
    w.at = RSTRING_PTR(out);
    w.end = w.at + rb_str_capacity(out);
    plain = write_value(&w, value, 0);
    sync_length(&w);
    return plain ? out : Qnil;
}

void Init_plain_json(void)
{
    VALUE plain = rb_define_module_under(rb_define_module("Segmo"), "Plain");

    rb_define_singleton_method(plain, "write", plain_write, 2);
}
