/* What needs a configuration but no client. */
#include "api/hand_out.h"
#include "base/clock.h"
#include "client/options.h"
#include "client/pipeline.h"
#include "client/probe.h"
#include "client/storage.h"
#include "client/topic_standing.h"

int segmo_transform(const segmo_config *config, const char *source, const char *destination,
                    const char *json, size_t json_len, char **out, size_t *out_len,
                    segmo_error **err)
{
    segmo__rules *rules = NULL;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK)
        status = segmo__pipeline_transform(rules, source, destination,
                                           (segmo__slice){json, json_len}, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_explain(const segmo_config *config, const char *source, const char *json, size_t json_len,
                  char **out, size_t *out_len, segmo_error **err)
{
    segmo__rules *rules = NULL;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_explain(rules, source, (segmo__slice){json, json_len}, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_probe(const segmo_config *config, const char *source, uint32_t timeout_ms, char **out,
                size_t *out_len, segmo_error **err)
{
    segmo__rules *rules = NULL;
    const segmo__source *asked;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK) {
        asked = segmo__pipeline_source(rules, source, err);
        status =
            asked ? segmo__probe(config, asked, segmo__clock_mono_ms() + timeout_ms, &answer, err)
                  : SEGMO_ERR_NOT_FOUND;
    }
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_convert_streams(const segmo_config *config, const char *json, size_t json_len, char **out,
                          size_t *out_len, segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_convert_streams(config, (segmo__slice){json, json_len}, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_spool_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__storage_json(config, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_topic_json(const segmo_config *config, uint32_t timeout_ms, char **out, size_t *out_len,
                     segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    if (status == SEGMO_OK)
        status = segmo__topic_json(config, timeout_ms, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_dead_list(const segmo_config *config, const char *query, char **out, size_t *out_len,
                    segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, (size_t)1 << 30);
    if (status == SEGMO_OK)
        status = segmo__dead_list_json(config, query, &answer, err);
    return segmo__hand_out(status, &answer, out, out_len, err);
}

int segmo_dead_retry(const segmo_config *config, const char *query, uint64_t *count,
                     segmo_error **err)
{
    int status = segmo__need(config, "config", err);

    return status == SEGMO_OK ? segmo__dead_put_back(config, query, count, err) : status;
}

int segmo_dead_drop(const segmo_config *config, const char *query, uint64_t *count,
                    segmo_error **err)
{
    int status = segmo__need(config, "config", err);

    return status == SEGMO_OK ? segmo__dead_delete(config, query, count, err) : status;
}
