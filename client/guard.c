/* What a handle's connections are not lent for. */
#include "client/guard.h"

#include <stddef.h>

#include "client/error.h"
#include "client/words.h"

static const char use_pubsub[] = "take flask_redis_pubsub";
static const char use_options[] = "say it in FlaskRedisOptions or in the URL";
static const char never[] = "its answers have no end";
static const char would_stay[] = "it would stay with one connection of many";

static const struct {
    const char *name;
    const char *subcommand; /* NULL: any, or none */
    const char *advice;
} refused[] = {
    {"SELECT", NULL, use_options},
    {"AUTH", NULL, use_options},
    {"HELLO", NULL, use_options},
    {"CLIENT", "SETNAME", use_options},
    {"SUBSCRIBE", NULL, use_pubsub},
    {"PSUBSCRIBE", NULL, use_pubsub},
    {"SSUBSCRIBE", NULL, use_pubsub},
    {"UNSUBSCRIBE", NULL, use_pubsub},
    {"PUNSUBSCRIBE", NULL, use_pubsub},
    {"SUNSUBSCRIBE", NULL, use_pubsub},
    {"MONITOR", NULL, never},
    {"SYNC", NULL, never},
    {"PSYNC", NULL, never},
    {"REPLCONF", NULL, never},
    {"CLIENT", "REPLY", never},
    {"CLIENT", "TRACKING", would_stay},
    {"CLIENT", "CACHING", would_stay},
    {"CLIENT", "NO-EVICT", would_stay},
    {"CLIENT", "NO-TOUCH", would_stay},
    {"CLIENT", "SETINFO", would_stay},
    {"SCRIPT", "DEBUG", would_stay},
    {"RESET", NULL, would_stay},
    {"QUIT", NULL, would_stay},
    {"READONLY", NULL, would_stay},
    {"READWRITE", NULL, would_stay},
    {"ASKING", NULL, would_stay},
};

FlaskRedisStatus fr_guard(const FlaskRedisCommand *command)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *subcommand = refused[i].subcommand;
        if (fr_word_is(command->argv[0], refused[i].name) &&
            (subcommand == NULL ||
             (command->argc > 1 && fr_word_is(command->argv[1], subcommand)))) {
            return flask_redis_fail(FLASK_REDIS_DATA, false,
                                    "%s%s%s is not for a handle's connections: %s", refused[i].name,
                                    subcommand != NULL ? " " : "",
                                    subcommand != NULL ? subcommand : "", refused[i].advice);
        }
    }
    return FLASK_REDIS_OK;
}

bool fr_is_transaction_word(const FlaskRedisCommand *command)
{
    static const char *const words[] = {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (fr_word_is(command->argv[0], words[i])) {
            return true;
        }
    }
    return false;
}
