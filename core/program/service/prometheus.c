#include "prometheus.h"

void prometheus_begin(http_answer *answer)
{
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    prometheus_family(&answer->body, "build_info", "gauge", "Which release runs.");
    prometheus_sample(&answer->body, "build_info");
    prometheus_label(&answer->body, "version", segmo_version());
    prometheus_value(&answer->body, 1);
}

void prometheus_family(segmo__buf *out, const char *name, const char *type, const char *help)
{
    segmo__buf_addf(out, "# HELP segmo_%s %s\n# TYPE segmo_%s %s\n", name, help, name, type);
}

void prometheus_sample(segmo__buf *out, const char *name)
{
    segmo__buf_addf(out, "segmo_%s{", name);
}

void prometheus_label(segmo__buf *out, const char *name, const char *value)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        segmo__buf_add_char(out, ',');
    segmo__buf_addf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            segmo__buf_add_char(out, '\\');
        segmo__buf_add_char(out, (char)(*value == '\n' ? ' ' : *value));
    }
    segmo__buf_add_char(out, '"');
}

void prometheus_value(segmo__buf *out, double value)
{
    segmo__buf_addf(out, "} %.15g\n", value);
}

void prometheus_plain(segmo__buf *out, const char *name, const char *type, const char *help,
                      double value)
{
    prometheus_family(out, name, type, help);
    segmo__buf_addf(out, "segmo_%s %.15g\n", name, value);
}

void prometheus_reasons(segmo__buf *out, const char *name, const char *destination,
                        const segmo__json *reasons)
{
    for (const segmo__json *each = segmo__json_first(reasons); each;
         each = segmo__json_after(each)) {
        prometheus_sample(out, name);
        prometheus_label(out, "destination", destination);
        prometheus_label(out, "reason", segmo__json_name(each));
        prometheus_value(out, segmo__json_number(each, 0));
    }
}
