/* JSON for messages: one pass from Python's objects to the bytes that the library takes.
 *
 * The encoder of Python's own json joins hundreds of small strings, and what it then does to
 * letters beyond ASCII costs as much again; with it a call would spend four fifths of its time
 * here. Only plain values are known in this place. Everything else is the table's in _convert.py,
 * so that there is one.
 */
#include "encode.h"

#include <math.h>
#include <string.h>

#define FIRST_ROOM 2048
#define DEEPEST    128 /* the library refuses less than that, and says where */

/* Exported by every CPython since 3.3, part of the stable ABI by promise since 3.10. */
extern const char *PyUnicode_AsUTF8AndSize(PyObject *unicode, Py_ssize_t *size);

struct text {
    char *at;
    size_t len;
    size_t room;
    PyObject *convert;
};

static int put_value(struct text *text, PyObject *value, int depth);

static int make_room(struct text *text, size_t more)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    char *at;

    if (text->len + more <= text->room)
        return 1;
    while (room < text->len + more)
        room *= 2;
    at = PyMem_Realloc(text->at, room);
    if (!at) {
        PyErr_NoMemory();
        return 0;
    }
    text->at = at;
    text->room = room;
    return 1;
}

static int put(struct text *text, const char *bytes, size_t len)
{
    if (!make_room(text, len))
        return 0;
    memcpy(text->at + text->len, bytes, len);
    text->len += len;
    return 1;
}

static int put_char(struct text *text, char c)
{
    return put(text, &c, 1);
}

/* ---- strings ------------------------------------------------------------------------------- */

static int put_escape(struct text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_form[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                      ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    if (c >= sizeof short_form || !short_form[c])
        return put(text, escape, 6);
    escape[1] = short_form[c];
    return put(text, escape, 2);
}

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static int put_string(struct text *text, PyObject *string)
{
    Py_ssize_t len, from = 0;
    const char *bytes = PyUnicode_AsUTF8AndSize(string, &len);

    if (!bytes || !put_char(text, '"'))
        return 0;
    for (Py_ssize_t i = 0; i < len; i++) {
        if (is_plain((unsigned char)bytes[i]))
            continue;
        if (!put(text, bytes + from, (size_t)(i - from)) ||
            !put_escape(text, (unsigned char)bytes[i]))
            return 0;
        from = i + 1;
    }
    return put(text, bytes + from, (size_t)(len - from)) && put_char(text, '"');
}

/* ---- numbers and names --------------------------------------------------------------------- */

/* More digits than a machine word holds. */
static int put_long_integer(struct text *text, PyObject *number)
{
    PyObject *digits = PyNumber_ToBase(number, 10);
    Py_ssize_t len;
    const char *bytes = digits ? PyUnicode_AsUTF8AndSize(digits, &len) : NULL;
    int done = bytes && put(text, bytes, (size_t)len);

    Py_XDECREF(digits);
    return done;
}

static int put_integer(struct text *text, PyObject *number)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    unsigned long long rest =
        value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    char digits[24], *at = digits + sizeof digits;

    if (overflow)
        return put_long_integer(text, number);
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    return put(text, at, (size_t)(digits + sizeof digits - at));
}

static int put_float(struct text *text, PyObject *number)
{
    double value = PyFloat_AsDouble(number);
    char *digits;
    int done;

    if (!isfinite(value)) {
        PyErr_SetString(PyExc_ValueError, "not finite");
        return 0;
    }
    digits = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    done = digits && put(text, digits, strlen(digits));
    PyMem_Free(digits);
    return done;
}

/* 1: written, 0: failed, -1: is something else. */
static int put_name(struct text *text, PyObject *value)
{
    if (value == Py_None)
        return put(text, "null", 4);
    if (value == Py_True)
        return put(text, "true", 4);
    return value == Py_False ? put(text, "false", 5) : -1;
}

/* 1: written, 0: failed, -1: is something else. */
static int put_number(struct text *text, PyObject *value)
{
    if (PyLong_Check(value))
        return put_integer(text, value);
    return PyFloat_Check(value) ? put_float(text, value) : -1;
}

/* ---- what holds others --------------------------------------------------------------------- */

/* Items are held while they are written: `convert` may run anything, also what removes them. */
static int put_held(struct text *text, PyObject *value, int depth)
{
    int done;

    Py_INCREF(value);
    done = put_value(text, value, depth);
    Py_DECREF(value);
    return done;
}

static int put_array(struct text *text, PyObject *sequence, int depth)
{
    int is_list = PyList_Check(sequence);

    if (!put_char(text, '['))
        return 0;
    for (Py_ssize_t i = 0; i < (is_list ? PyList_Size(sequence) : PyTuple_Size(sequence)); i++) {
        PyObject *item = is_list ? PyList_GetItem(sequence, i) : PyTuple_GetItem(sequence, i);

        if (!item || (i > 0 && !put_char(text, ',')) || !put_held(text, item, depth))
            return 0;
    }
    return put_char(text, ']');
}

static int put_key(struct text *text, PyObject *key)
{
    int done;

    if (PyUnicode_Check(key))
        return put_string(text, key);
    if (!put_char(text, '"'))
        return 0;
    done = put_name(text, key);
    if (done < 0)
        done = put_number(text, key);
    if (done < 0)
        PyErr_SetString(PyExc_TypeError, "a key that is no text");
    return done > 0 && put_char(text, '"');
}

static int put_member(struct text *text, PyObject *key, PyObject *value, int depth)
{
    int done;

    Py_INCREF(key);
    done = put_key(text, key) && put_char(text, ':') && put_held(text, value, depth);
    Py_DECREF(key);
    return done;
}

static int put_members(struct text *text, PyObject *dict, int depth)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;
    int first = 1;

    while (PyDict_Next(dict, &position, &key, &value)) {
        if ((!first && !put_char(text, ',')) || !put_member(text, key, value, depth))
            return 0;
        first = 0;
    }
    return 1;
}

/* A subclass may order its items in its own way. */
static int put_items(struct text *text, PyObject *mapping, int depth)
{
    PyObject *items = PyMapping_Items(mapping);
    int done = items != NULL;

    for (Py_ssize_t i = 0; done && i < PyList_Size(items); i++) {
        PyObject *pair = PyList_GetItem(items, i);
        PyObject *key = PyTuple_Check(pair) ? PyTuple_GetItem(pair, 0) : NULL;
        PyObject *value = key ? PyTuple_GetItem(pair, 1) : NULL;

        if (!value && !PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "items() that are no pairs");
        done = value && (i == 0 || put_char(text, ',')) && put_member(text, key, value, depth);
    }
    Py_XDECREF(items);
    return done;
}

static int put_object(struct text *text, PyObject *dict, int depth)
{
    int done = put_char(text, '{') && (PyDict_CheckExact(dict) ? put_members(text, dict, depth)
                                                               : put_items(text, dict, depth));

    return done && put_char(text, '}');
}

static int put_converted(struct text *text, PyObject *value, int depth)
{
    PyObject *converted = PyObject_CallFunctionObjArgs(text->convert, value, NULL);
    int done = converted && put_value(text, converted, depth);

    Py_XDECREF(converted);
    return done;
}

static int put_value(struct text *text, PyObject *value, int depth)
{
    int done;

    if (PyUnicode_Check(value))
        return put_string(text, value);
    done = put_name(text, value);
    if (done < 0)
        done = put_number(text, value);
    if (done >= 0)
        return done;
    if (depth > DEEPEST) {
        PyErr_SetString(PyExc_ValueError, "nested too deep");
        return 0;
    }
    if (PyDict_Check(value))
        return put_object(text, value, depth + 1);
    if (PyList_Check(value) || PyTuple_Check(value))
        return put_array(text, value, depth + 1);
    return put_converted(text, value, depth + 1);
}

PyObject *segmo_python_encode(PyObject *module, PyObject *arguments)
{
    struct text text = {NULL, 0, 0, NULL};
    PyObject *value, *answer = NULL;

    (void)module;
    if (!PyArg_UnpackTuple(arguments, "encode", 2, 2, &value, &text.convert))
        return NULL;
    if (put_value(&text, value, 0))
        answer = PyBytes_FromStringAndSize(text.at, (Py_ssize_t)text.len);
    PyMem_Free(text.at);
    return answer;
}
