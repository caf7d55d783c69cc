/* The command table: for each Redis command (and subcommand) what a pooler must know of it, read
 * from command_table.inc, which generate_commands.py makes from commands.tsv.
 *
 * The table decides where a request goes, never whether it is right: names and arities differ
 * between server versions, and the server words its errors. A name that is not here is not an
 * error. */
#ifndef FR_COMMAND_H
#define FR_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fr_handler {
    FR_HANDLER_SHARED, /* pipelined with others on a shared connection */
    FR_HANDLER_LEASE,  /* a connection of its own until the state is plain again */
    FR_HANDLER_STICKY, /* a connection of its own until the client ends */
    FR_HANDLER_TUNNEL, /* the same, replies delimited only */
    FR_HANDLER_HUB,    /* publish/subscribe */
    FR_HANDLER_DAEMON, /* answered from virtual state */
    FR_HANDLER_BOTH,   /* virtual state and sometimes the server */
};

/* When the handler applies only under a condition; otherwise the command is SHARED, or for the ON
 * and OFF forms answered by the daemon. */
enum fr_condition {
    FR_ALWAYS,
    FR_IF_BLOCK_OPTION, /* BLOCK before STREAMS (XREAD, XREADGROUP) */
    FR_IF_WAITS,        /* a positive number of replicas (WAIT, WAITAOF) */
    FR_IF_ON,           /* CLIENT TRACKING, CLIENT NO-TOUCH */
    FR_IF_OFF_OR_SKIP,  /* CLIENT REPLY */
    FR_IF_YES_OR_SYNC,  /* SCRIPT DEBUG */
};

enum fr_class {
    FR_CLASS_ANY,
    FR_CLASS_BLOCK,
    FR_CLASS_TXN,
    FR_CLASS_PUBSUB,
    FR_CLASS_SESSION,
    FR_CLASS_LOCAL,
    FR_CLASS_ADMIN
};
enum fr_replies {
    FR_REPLIES_ONE,
    FR_REPLIES_MANY,
    FR_REPLIES_MAYBE_ONE,
    FR_REPLIES_MAYBE_MANY,
    FR_REPLIES_STREAM,
    FR_REPLIES_ONE_CLOSE,
    FR_REPLIES_ONE_MODE
};
enum fr_retry {
    FR_RETRY_NEVER,
    FR_RETRY_UNSENT,
    FR_RETRY_SAFE,
    FR_RETRY_SAFE_UNBLOCKED
};
enum fr_cache {
    FR_CACHE_NONE,
    FR_CACHE_FILL,
    FR_CACHE_FILL_LATER,
    FR_CACHE_KEYS,
    FR_CACHE_KEYS_FENCE,
    FR_CACHE_QUEUED,
    FR_CACHE_FLUSH
};
enum fr_block {
    FR_BLOCK_OK,
    FR_BLOCK_LEASE,
    FR_BLOCK_END
};
enum fr_flag {
    FR_FLAG_WRITE = 1,
    FR_FLAG_READONLY = 2,
    FR_FLAG_BLOCKING = 4,
    FR_FLAG_MOVABLEKEYS = 8,
    FR_FLAG_CONTAINER = 16
};

/* One identifier for each row: FR_CMD_GET, FR_CMD_CLIENT_NO_TOUCH ('|' and '-' become '_'). */
enum fr_command_id {
#define FR_COMMAND_ID(id) FR_CMD_##id,
#include "common/command_ids.inc"
#undef FR_COMMAND_ID
    FR_CMD_COUNT
};

struct fr_command {
    const char *name;      /* lower case, "config|get" for a subcommand */
    const char *key_specs; /* as in commands.tsv, or NULL */
    const char *cluster;   /* as in commands.tsv */
    const char *notes;
    uint16_t id; /* enum fr_command_id */
    int16_t arity;
    int16_t first_key, last_key, step;
    uint8_t class;     /* enum fr_class */
    uint8_t handler;   /* enum fr_handler */
    uint8_t condition; /* enum fr_condition */
    uint8_t replies;   /* enum fr_replies */
    uint8_t retry;     /* enum fr_retry */
    uint8_t cache;     /* enum fr_cache */
    uint8_t block; /* enum fr_block: may it stand in a MULTI … EXEC block on a shared connection */
    uint8_t flags; /* enum fr_flag */
    bool denied;   /* refused in a fresh configuration */
};

extern const struct fr_command fr_commands[FR_CMD_COUNT];

/* Find the row of a request by its first two words, in any case (sub NULL: the request has one
 * word). For a container with a subcommand the table lacks, the container's own row
 * (FR_FLAG_CONTAINER). NULL: a command the table does not know. */
const struct fr_command *fr_command_find(const char *name, size_t name_len, const char *sub,
                                         size_t sub_len);

/* Find a row by its full lower-case name as in a configuration: "get", "client|kill". NULL:
 * unknown. */
const struct fr_command *fr_command_named(const char *full_name);

#endif
