/* Loading librdkafka, and what its errors mean. */
#include "deliver/kafka_library.h"

#ifdef SEGMO__KAFKA_BUILT
#include "base/thread.h"

#include <dlfcn.h>

#define LIBRARY "librdkafka.so.1"

static struct segmo__kafka_library library;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_loaded;

static int find(void *handle, const char *name, void **pointer)
{
    *pointer = dlsym(handle, name);
    return *pointer != NULL;
}

static int find_all(void *handle)
{
    int found = 1;

#define FIND(name, member)                                                                         \
    found &= find(handle, "rd_kafka_" #name, (void **)(void *)&library.member);
#define FIND_SAME(name) FIND(name, name)
    SEGMO__KAFKA_FUNCTIONS(FIND_SAME)
    FIND(topic_partition_list_new, list_new)
    FIND(topic_partition_list_add, list_add)
    FIND(topic_partition_list_destroy, list_destroy)
    FIND(topic_partition_list_find, list_find)
#undef FIND_SAME
#undef FIND
    return found;
}

/* It is never unloaded: its threads end in their own time. */
static int load(segmo_error **err)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return segmo__fail(err, SEGMO_ERR_UNSUPPORTED, "kafka.bootstrap.servers",
                           "Kafka needs " LIBRARY ", which cannot be loaded; install it (Debian: "
                           "apt-get install librdkafka1)");
    if (!find_all(handle))
        return segmo__fail(err, SEGMO_ERR_UNSUPPORTED, "kafka.bootstrap.servers",
                           LIBRARY " is too old for Kafka here; install 2.0 or newer");
    is_loaded = 1;
    return SEGMO_OK;
}

int segmo__kafka_load(const struct segmo__kafka_library **out, segmo_error **err)
{
    int status = SEGMO_OK;

    pthread_mutex_lock(&lock);
    if (!is_loaded)
        status = load(err);
    pthread_mutex_unlock(&lock);
    *out = &library;
    return status;
}

const char *segmo__kafka_name(void)
{
    static char name[64];

    pthread_mutex_lock(&lock);
    if (is_loaded && !name[0]) {
        segmo__buf out = {.data = name, .cap = sizeof name, .max = sizeof name};

        segmo__buf_addf(&out, "librdkafka/%s", library.version_str());
        segmo__buf_add_char(&out, '\0');
    }
    pthread_mutex_unlock(&lock);
    return name;
}

#define RIGHTS                                                                                     \
    "give the user of kafka.sasl.username the right to write (clients) or to read (workers) the "  \
    "topics, and workers the right to their groups"
#define KEYS  "check kafka.sasl.*, kafka.security.protocol and the user's password on the brokers"
#define TLS   "check kafka.ssl.ca.location, kafka.security.protocol and the brokers' certificates"
#define TOPIC "create the topic, or mend kafka.topic and kafka.dead_topic"
#define LARGE "raise max.message.bytes of the topic to 1048576 or more"

static const struct {
    rd_kafka_resp_err_t code;
    const char *reason;
    const char *remedy;
} settings_rows[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, "kafka_authentication", KEYS},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "kafka_authentication", KEYS},
    {RD_KAFKA_RESP_ERR__SSL, "kafka_tls", TLS},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "kafka_authorization", RIGHTS},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "kafka_authorization", RIGHTS},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "kafka_authorization", RIGHTS},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "kafka_unknown_topic", TOPIC},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "kafka_unknown_topic", TOPIC},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "kafka_unknown_topic", TOPIC},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "kafka_message_too_large", LARGE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, "kafka_message_too_large", LARGE},
};

/* librdkafka tells the error that broke a handle in its words only. */
static int is_behind(const struct segmo__kafka_library *of, const char *words,
                     rd_kafka_resp_err_t code)
{
    return *words && strstr(words, of->err2str(code)) != NULL;
}

segmo__kafka_trouble segmo__kafka_judge(const struct segmo__kafka_library *of, rd_kafka_t *handle,
                                        rd_kafka_resp_err_t code, const char **reason,
                                        const char **remedy)
{
    char words[512] = "";

    *remedy = "";
    if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
        of->fatal_error(handle, words, sizeof words);
    for (size_t i = 0; i < sizeof settings_rows / sizeof settings_rows[0]; i++) {
        if (settings_rows[i].code != code && !is_behind(of, words, settings_rows[i].code))
            continue;
        *reason = settings_rows[i].reason;
        *remedy = settings_rows[i].remedy;
        return SEGMO__KAFKA_SETTINGS;
    }
    *reason = of->err2name(code);
    return SEGMO__KAFKA_OUTAGE;
}
#endif
