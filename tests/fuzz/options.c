/* A configuration file of any bytes, and each option set to them: it is refused with the option's
 * name and words, or can be shown, checked and turned into settings. */
#include "help/fuzz.h"

#include "base/json.h"
#include "base/mem.h"
#include "client/options.h"

static void check_settings(const segmo_config *config)
{
    segmo__settings *settings = NULL;
    segmo_error *error = NULL;
    int status = segmo__config_settings(&settings, config, &error);

    must(status == SEGMO_OK || (status == SEGMO_ERR_OPTION && *segmo_error_message(error)));
    if (status == SEGMO_OK)
        must(settings->source_count > 0);
    segmo__settings_release(settings);
    segmo_error_free(error);
}

static void check_shown(const segmo_config *config)
{
    segmo_error *error = NULL;
    char *text = NULL;
    size_t len = 0;
    int status = segmo_config_json(config, &text, &len, &error);

    must(status == SEGMO_OK || (status == SEGMO_ERR_OPTION && *segmo_error_message(error)));
    if (status == SEGMO_OK)
        must(segmo__json_check((segmo__slice){text, len}, NULL) == SEGMO_OK);
    segmo_free(text);
    segmo_error_free(error);
}

static void from_file(segmo_config *config, segmo__slice content)
{
    segmo_error *error = NULL;
    int status = segmo_config_load(config, fuzz_file(content), &error);

    must(status == SEGMO_OK || *segmo_error_message(error));
    must(status == SEGMO_OK || status == SEGMO_ERR_JSON || status == SEGMO_ERR_OPTION);
    segmo_error_free(error);
}

/* name NUL value NUL name NUL value ... */
static void by_name(segmo_config *config, segmo__slice input)
{
    char *text = segmo__strndup(input.at, input.len);
    const char *end = text ? text + input.len : NULL;

    must(text != NULL);
    for (const char *name = text; name < end;) {
        const char *value = name + strlen(name) + 1;
        segmo_error *error = NULL;

        if (value >= end)
            value = "";
        if (segmo_config_set(config, name, value, &error) != SEGMO_OK)
            must(*segmo_error_message(error) && (!*name || *segmo_error_field(error)));
        segmo_error_free(error);
        name = *value ? value + strlen(value) + 1 : end;
    }
    segmo__free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice input = fuzz_slice(data, size);
    segmo_config *config = NULL;

    must(segmo_config_new(&config, NULL) == SEGMO_OK);
    if (fuzz_choice(&input) & 1)
        by_name(config, input);
    else
        from_file(config, input);
    check_shown(config);
    check_settings(config);
    segmo_config_free(config);
    return 0;
}
