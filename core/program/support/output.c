#include "support/output.h"

#include "support/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("segmo: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int exit_code_of(int status)
{
    switch (status) {
    case SEGMO_OK:
    case SEGMO_SYNC_WANTED:
        return EXIT_DONE;
    case SEGMO_ERR_OPTION:
    case SEGMO_ERR_UNSUPPORTED:
        return EXIT_USAGE;
    case SEGMO_ERR_IO:
    case SEGMO_ERR_MEMORY:
        return EXIT_INPUT;
    case SEGMO_ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    default:
        return EXIT_REFUSED;
    }
}

int say_error(segmo_error *error)
{
    const char *field = segmo_error_field(error);
    const char *message = segmo_error_message(error);
    int code = exit_code_of(segmo_error_status(error));

    if (*field && strncmp(message, field, strlen(field)) != 0)
        say("%s: %s", field, message);
    else
        say("%s", message);
    segmo_error_free(error);
    return code;
}

void print_line(const char *bytes, size_t len)
{
    fwrite(bytes, 1, len, stdout);
    fputc('\n', stdout);
}

static void put_indent(segmo__buf *out, int depth)
{
    segmo__buf_add_char(out, '\n');
    for (int i = 0; i < depth; i++)
        segmo__buf_add_lit(out, "  ");
}

static void put_pretty(segmo__buf *out, segmo__slice value, int depth)
{
    segmo__json_kind kind = segmo__json_kind_of(value);
    segmo__json_walk walk;
    segmo__slice key, member;
    int count = 0;

    if (kind < SEGMO__JSON_ARRAY || segmo__json_is_empty(value)) {
        segmo__json_put_compact(out, value);
        return;
    }
    segmo__buf_add_char(out, kind == SEGMO__JSON_OBJECT ? '{' : '[');
    for (segmo__json_walk_begin(&walk, value); segmo__json_next(&walk, &key, &member); count++) {
        if (count > 0)
            segmo__buf_add_char(out, ',');
        put_indent(out, depth + 1);
        if (kind == SEGMO__JSON_OBJECT) {
            segmo__buf_add_char(out, '"');
            segmo__buf_add_slice(out, key);
            segmo__buf_add_lit(out, "\": ");
        }
        put_pretty(out, member, depth + 1);
    }
    put_indent(out, depth);
    segmo__buf_add_char(out, kind == SEGMO__JSON_OBJECT ? '}' : ']');
}

void print_json(segmo__slice json, int pretty)
{
    segmo__buf text;

    if (!pretty) {
        print_line(json.at, json.len);
        return;
    }
    segmo__buf_init(&text, 256u << 20);
    put_pretty(&text, json, 0);
    if (text.failed)
        print_line(json.at, json.len);
    else
        print_line(text.data, text.len);
    segmo__buf_free(&text);
}

static void print_scalar(const segmo__json *node)
{
    double number = segmo__json_number(node, 0);

    switch (segmo__json_tree_kind(node)) {
    case SEGMO__JSON_STRING:
        fputs(segmo__json_string(node), stdout);
        break;
    case SEGMO__JSON_NUMBER:
        if (number == (double)(int64_t)number)
            printf("%lld", (long long)number);
        else
            printf("%g", number);
        break;
    case SEGMO__JSON_NULL:
        fputs("-", stdout);
        break;
    default:
        fputs(segmo__json_bool(node, 0) ? "yes" : "no", stdout);
    }
    fputc('\n', stdout);
}

static void print_members(const segmo__json *container, int depth)
{
    const segmo__json *node = segmo__json_first(container);

    for (; node; node = segmo__json_after(node)) {
        const char *name = segmo__json_name(node);

        printf("%*s%s%s", depth * 2, "", name ? name : "-", name ? ":" : "");
        if (segmo__json_tree_kind(node) < SEGMO__JSON_ARRAY) {
            fputc(' ', stdout);
            print_scalar(node);
        } else if (segmo__json_count(node) == 0) {
            fputs(" none\n", stdout);
        } else {
            fputc('\n', stdout);
            print_members(node, depth + 1);
        }
    }
}

void print_outline(const segmo__json *node)
{
    if (segmo__json_tree_kind(node) < SEGMO__JSON_ARRAY)
        print_scalar(node);
    else
        print_members(node, 0);
}

const char *grouped(char out[GROUPED_LEN], uint64_t number)
{
    char *at = out + GROUPED_LEN - 1;

    *at = '\0';
    for (int digits = 0;; digits++) {
        if (digits > 0 && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + number % 10);
        number /= 10;
        if (number == 0)
            return at;
    }
}

int finish_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    say("the output could not be written: %s", strerror(errno));
    return code == EXIT_DONE ? EXIT_INPUT : code;
}
