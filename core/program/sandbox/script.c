/* Rules are asked in order; each rolls for itself. A rule that only delays adds to the delay and
 * lets the next ones speak; the first one that fails the request ends the search. */
#include "script.h"

#include "base/json.h"
#include "base/mem.h"

static void free_rules(struct sandbox_cues *cues)
{
    for (size_t i = 0; i < cues->count; i++) {
        segmo__free(cues->rules[i].match);
        segmo__free(cues->rules[i].body);
    }
    cues->count = 0;
    cues->seen = 0;
}

void sandbox_script_free(sandbox_script *script)
{
    for (int i = 0; i < SANDBOX_SERVICES; i++)
        free_rules(&script->of[i]);
}

void sandbox_script_seed(sandbox_script *script, uint64_t seed)
{
    for (int i = 0; i < SANDBOX_SERVICES; i++)
        script->of[i].random = seed * SANDBOX_SERVICES + (uint64_t)i;
}

/* splitmix64: any seed is a good one. */
static double roll(struct sandbox_cues *cues)
{
    uint64_t x = cues->random += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

/* ---- reading ---- */

static const sandbox_rule plain_rule = {
    .share = 1, .retry_after_s = -1, .times_left = -1, .reset_after = -1, .reset_answer_after = -1};

static int wrong(segmo_error **err, const char *member, const char *words)
{
    return segmo__fail(err, SEGMO_ERR_INVALID, member, "%s: %s", member, words);
}

static int read_number(const segmo__json *node, double low, double high, double *out,
                       segmo_error **err)
{
    *out = segmo__json_number(node, low - 1);
    if (*out < low || *out > high)
        return segmo__fail(err, SEGMO_ERR_INVALID, segmo__json_name(node),
                           "%s: must be a number from %g to %g", segmo__json_name(node), low, high);
    return SEGMO_OK;
}

static int read_whole(const segmo__json *node, int64_t *out, segmo_error **err)
{
    double number;
    int status = read_number(node, 0, 1e15, &number, err);

    *out = (int64_t)number;
    return status;
}

static int read_text(const segmo__json *node, char **out, segmo_error **err)
{
    const char *text = segmo__json_string(node);

    if (!text)
        return wrong(err, segmo__json_name(node), "must be a string");
    *out = segmo__strdup(text);
    return *out ? SEGMO_OK : segmo__fail_memory(err);
}

static int read_member(sandbox_rule *rule, const segmo__json *node, segmo_error **err)
{
    const char *name = segmo__json_name(node);
    double number = 0;
    int status;

    if (strcmp(name, "status") == 0) {
        status = read_number(node, 200, 599, &number, err);
        rule->status = (int)number;
    } else if (strcmp(name, "share") == 0) {
        status = read_number(node, 0, 1, &rule->share, err);
    } else if (strcmp(name, "retry_after") == 0) {
        status = read_number(node, 0, 1e6, &number, err);
        rule->retry_after_s = (int)number;
    } else if (strcmp(name, "times") == 0) {
        status = read_whole(node, &rule->times_left, err);
    } else if (strcmp(name, "after") == 0) {
        status = read_whole(node, &rule->after, err);
    } else if (strcmp(name, "latency_ms") == 0) {
        status = read_whole(node, &rule->latency_ms, err);
    } else if (strcmp(name, "reset_after_bytes") == 0) {
        status = read_whole(node, &rule->reset_after, err);
    } else if (strcmp(name, "reset_answer_after_bytes") == 0) {
        status = read_whole(node, &rule->reset_answer_after, err);
    } else if (strcmp(name, "never") == 0) {
        rule->never = segmo__json_bool(node, -1);
        status = rule->never < 0 ? wrong(err, name, "must be true or false") : SEGMO_OK;
    } else if (strcmp(name, "match") == 0) {
        status = read_text(node, &rule->match, err);
    } else if (strcmp(name, "body") == 0) {
        status = read_text(node, &rule->body, err);
    } else {
        status = wrong(err, name, "is no member of a rule");
    }
    return status;
}

static int check_rule(const sandbox_rule *rule, segmo_error **err)
{
    int failures = (rule->reset_after >= 0) + (rule->reset_answer_after >= 0) + rule->never;

    if (failures > 1 || (failures == 1 && rule->status))
        return wrong(err, "rules",
                     "a rule takes one of status, reset_after_bytes, "
                     "reset_answer_after_bytes and never");
    if (rule->reset_after >= 0 && rule->match)
        return wrong(err, "match",
                     "cannot go with reset_after_bytes, which acts before the body is here");
    if (rule->body && !rule->status)
        return wrong(err, "body", "needs a status to go with");
    if (failures == 0 && !rule->status && rule->latency_ms == 0)
        return wrong(err, "rules",
                     "a rule needs a status, latency_ms, reset_after_bytes, "
                     "reset_answer_after_bytes or never");
    return SEGMO_OK;
}

/* Appends what it could read even when it fails, so that free_rules() finds it. */
static int read_rules(struct sandbox_cues *cues, const segmo__json *rules, segmo_error **err)
{
    int status = SEGMO_OK;

    for (const segmo__json *node = segmo__json_first(rules); node; node = segmo__json_after(node)) {
        sandbox_rule *rule = &cues->rules[cues->count];

        if (segmo__json_tree_kind(node) != SEGMO__JSON_OBJECT)
            return wrong(err, "rules", "each rule must be an object");
        if (cues->count == SANDBOX_RULES_MAX)
            return wrong(err, "rules", "too many; at most 64 are kept");
        *rule = plain_rule;
        cues->count++;
        for (const segmo__json *member = segmo__json_first(node); member && status == SEGMO_OK;
             member = segmo__json_after(member))
            status = read_member(rule, member, err);
        if (status == SEGMO_OK)
            status = check_rule(rule, err);
        if (status != SEGMO_OK)
            return status;
    }
    return status;
}

static int names_service(const segmo__json *tree, int service)
{
    const char *name = segmo__json_string(segmo__json_get(tree, "service"));

    return name && (strcmp(name, "*") == 0 || strcmp(name, sandbox_service_names[service]) == 0);
}

static int check_script(const segmo__json *tree, segmo_error **err)
{
    if (segmo__json_tree_kind(tree) != SEGMO__JSON_OBJECT)
        return wrong(err, "script", "must be an object");
    for (const segmo__json *node = segmo__json_first(tree); node; node = segmo__json_after(node)) {
        const char *name = segmo__json_name(node);

        if (strcmp(name, "service") != 0 && strcmp(name, "rules") != 0 && strcmp(name, "seed") != 0)
            return wrong(err, name, "is no member of a script; it has service, rules and seed");
    }
    if (!names_service(tree, SANDBOX_SEGMENT) && !names_service(tree, SANDBOX_MOENGAGE))
        return wrong(err, "service", "must be \"segment\", \"moengage\" or \"*\"");
    if (!segmo__json_get(tree, "rules") ||
        segmo__json_tree_kind(segmo__json_get(tree, "rules")) != SEGMO__JSON_ARRAY)
        return wrong(err, "rules", "must be an array");
    return SEGMO_OK;
}

int sandbox_script_load(sandbox_script *script, segmo__slice text, segmo_error **err)
{
    static sandbox_script fresh;
    segmo__json *tree = NULL;
    int status = segmo__json_parse(&tree, text, err);

    memset(&fresh, 0, sizeof fresh);
    if (status == SEGMO_OK)
        status = check_script(tree, err);
    for (int i = 0; i < SANDBOX_SERVICES && status == SEGMO_OK; i++)
        if (names_service(tree, i))
            status = read_rules(&fresh.of[i], segmo__json_get(tree, "rules"), err);
    if (status != SEGMO_OK)
        goto done;
    sandbox_script_seed(&fresh, (uint64_t)segmo__json_number(segmo__json_get(tree, "seed"), 1));
    for (int i = 0; i < SANDBOX_SERVICES; i++) {
        if (!names_service(tree, i))
            continue;
        free_rules(&script->of[i]);
        script->of[i] = fresh.of[i];
        fresh.of[i].count = 0;
    }
done:
    sandbox_script_free(&fresh);
    segmo__json_free(tree);
    return status;
}

int sandbox_script_add(sandbox_script *script, int status, double share, int64_t latency_ms)
{
    for (int i = 0; i < SANDBOX_SERVICES; i++) {
        struct sandbox_cues *cues = &script->of[i];
        sandbox_rule rule = plain_rule;

        if (cues->count == SANDBOX_RULES_MAX)
            return 0;
        rule.status = status;
        rule.share = share;
        rule.latency_ms = latency_ms;
        cues->rules[cues->count++] = rule;
    }
    return 1;
}

/* ---- playing ---- */

static int fires(struct sandbox_cues *cues, sandbox_rule *rule)
{
    /* A request that was under way when the script came has not been counted. */
    if (rule->times_left == 0 || (rule->after > 0 && cues->seen <= (uint64_t)rule->after))
        return 0;
    if (rule->share < 1 && roll(cues) >= rule->share)
        return 0;
    if (rule->times_left > 0)
        rule->times_left--;
    return 1;
}

int64_t sandbox_script_reset_after(sandbox_script *script, sandbox_service service)
{
    struct sandbox_cues *cues = &script->of[service];

    cues->seen++;
    for (size_t i = 0; i < cues->count; i++)
        if (cues->rules[i].reset_after >= 0 && fires(cues, &cues->rules[i]))
            return cues->rules[i].reset_after;
    return -1;
}

static int is_failure(const sandbox_rule *rule)
{
    return rule->status || rule->never || rule->reset_answer_after >= 0;
}

static int matches(const sandbox_rule *rule, segmo__slice body)
{
    return !rule->match || memmem(body.at, body.len, rule->match, strlen(rule->match));
}

sandbox_cue sandbox_script_cue(sandbox_script *script, sandbox_service service, segmo__slice body)
{
    struct sandbox_cues *cues = &script->of[service];
    sandbox_cue cue = {0};

    for (size_t i = 0; i < cues->count; i++) {
        sandbox_rule *rule = &cues->rules[i];

        if (rule->reset_after >= 0 || !matches(rule, body) || !fires(cues, rule))
            continue;
        cue.latency_ms += rule->latency_ms;
        if (!is_failure(rule))
            continue;
        cue.failure = rule;
        break;
    }
    return cue;
}
