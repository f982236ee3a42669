/* The lines of `segmo doctor`. */
#include "doctor.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *remedy,
                 const char *format, ...)
{
    static const char *const names[] = {"OK", "WARN", "FAIL"};
    char words[1024];
    size_t len = 0;
    va_list args;

    if (doctor->source)
        len = (size_t)snprintf(words, sizeof words / 2, "source %.200s: ", doctor->source);
    va_start(args, format);
    vsnprintf(words + len, sizeof words - len, format, args);
    va_end(args);
    doctor->failed |= verdict == VERDICT_FAIL;
    if (!args_has(doctor->args, "json")) {
        printf("%-4s  %-14s  %s\n", names[verdict], check, words);
        if (*remedy)
            printf("      %-14s  -> %s\n", "", remedy);
        return;
    }
    segmo__buf_addf(&doctor->json, "%s{\"result\":\"%s\",\"check\":\"%s\",\"words\":",
                    doctor->json.len > 1 ? "," : "", names[verdict], check);
    segmo__json_put_text(&doctor->json, words);
    segmo__buf_add_lit(&doctor->json, ",\"remedy\":");
    segmo__json_put_text(&doctor->json, remedy);
    segmo__buf_add_char(&doctor->json, '}');
}
