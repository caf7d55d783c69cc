/* What the engine's files share: its objects, and what a command is given.
 *
 *     struct fr_mock
 *       +-- db[16] -- keys: dict of struct value
 *       +-- sessions: list of struct fr_mock_session, each with its output and its state
 *       +-- ready: keys that may serve somebody who waits
 *
 * Functions that cross files begin with frm_. */
#ifndef FR_MOCK_ENGINE_H
#define FR_MOCK_ENGINE_H

#include <sys/queue.h>

#include "common/command.h"
#include "common/glob.h"
#include "common/mock/dict.h"
#include "common/mock/heap.h"
#include "common/mock/mock.h"
#include "common/mock/reply.h"

enum {
    DB_COUNT = 16
};
#define NEVER INT64_MAX
/* Redis' proto-max-bulk-len: no string grows beyond it. */
#define STRING_MAX (512LL * 1024 * 1024)

/* ---------------------------------------------------------------------------------------- values
 */

enum value_type {
    TYPE_STRING,
    TYPE_LIST,
    TYPE_SET,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM,
    TYPE_NONE
};

/* A ring of strings. */
struct list {
    struct heap *heap;
    struct str **items;
    size_t head, count, cap; /* cap: a power of two, or 0 */
};

struct skiplist;
struct stream;

struct zset {
    struct dict members; /* member -> its node of the skiplist */
    struct skiplist *order;
};

struct value {
    uint8_t type;
    bool is_large;       /* left the compact encoding (listpack, intset, int and embstr) for good */
    uint8_t number_form; /* of a string: enum number_form */
    int64_t expires_ms;  /* NEVER: it does not */
    int64_t used_ms;     /* of its last use */
    union {
        struct str *string;
        struct list list;
        struct dict dict; /* of a hash: field -> struct str; of a set: member -> NULL */
        struct zset zset;
        struct stream *stream;
    };
};

/* A string that is a number, to OBJECT. */
enum number_form {
    NUMBER_USUAL, /* int, small ones shared */
    NUMBER_OWN,   /* int, not shared: what COPY makes */
    NUMBER_TEXT   /* embstr: what INCRBYFLOAT makes */
};

struct value *frm_value_new(struct heap *heap, enum value_type type);
void frm_value_free(void *what);
struct value *frm_value_copy(struct heap *heap, const struct value *value);
const char *frm_value_encoding(const struct value *value);

/* Whether a list, set, hash or zset has nothing left in it. */
bool frm_value_is_empty(const struct value *value);

/* ------------------------------------------------------------------------------------- databases
 */

struct db {
    struct fr_mock *mock;
    struct dict keys;
    int64_t soonest_ms; /* no key expires before */
    int number;
};

/* A key of a database that was created or added to while somebody waits. */
struct ready {
    TAILQ_ENTRY(ready) link;
    struct db *db;
    struct str *key;
    bool was_deleted; /* a stream that is no more */
};

struct watch {
    SLIST_ENTRY(watch) link;
    struct db *db;
    struct str *key;
};

/* -------------------------------------------------------------------------------------- sessions
 */

enum session_flag {
    IN_MULTI = 1,
    DIRTY_EXEC = 2,  /* a command was refused while queueing */
    DIRTY_WATCH = 4, /* a watched key was touched */
    ENDED = 8,       /* to be closed */
    REPLY_OFF = 16,  /* CLIENT REPLY */
    REPLY_SKIP_NEXT = 32,
    REPLY_SKIP = 64,
    NO_EVICT = 128,
    HOLD = 256 /* what the running command answers is to be held back */
};

struct queued {
    STAILQ_ENTRY(queued) link;
    size_t count;
    struct fr_word words[];
};

/* What a session waits for, and since when; see blocking.c. */
enum wait_kind {
    WAIT_NOTHING,
    WAIT_LIST,
    WAIT_ZSET,
    WAIT_STREAM,
    WAIT_DELAY
};

struct wait {
    enum wait_kind kind;
    TAILQ_ENTRY(fr_mock_session) link; /* among those that wait, the longest first */
    int64_t until_us;                  /* NEVER */
    struct queued *words;              /* the command, copied */
    struct str **keys;
    size_t key_count;
    struct db *db;
};

enum subscription_kind {
    SUB_CHANNEL,
    SUB_PATTERN,
    SUB_SHARD,
    SUB_KINDS
};

struct fr_mock_session {
    struct fr_mock *mock;
    TAILQ_ENTRY(fr_mock_session) link;
    void (*on_output)(void *arg);
    void *arg;
    struct out out;
    int64_t id;
    int64_t created_ms;
    int64_t used_ms;
    struct db *db;
    unsigned flags; /* enum session_flag */
    struct str *name;
    const char *last_command;
    STAILQ_HEAD(, queued) queue;
    size_t queue_count;
    bool queue_has_denyoom;
    unsigned queue_flags; /* of what is queued, together */
    size_t queue_words;   /* likewise */
    SLIST_HEAD(, watch) watches;
    struct dict subscriptions[SUB_KINDS];
    struct wait wait;
};

TAILQ_HEAD(session_list, fr_mock_session);

/* What MOCK has ordered for the commands to come. */
struct orders {
    uint64_t fail_count, delay_count, drop_count;
    struct str *error;
    int64_t delay_us;
};

struct fr_mock {
    struct heap heap;
    bool is_ruined; /* memory ended in the middle of something */
    int64_t (*clock)(void *arg);
    void *clock_arg;
    bool clock_is_stopped;
    int64_t clock_stopped_us;
    int64_t clock_moved_us;
    int64_t now_us; /* of the running command */
    uint64_t random[2];
    struct db db[DB_COUNT];
    struct session_list sessions;
    struct session_list waiting;
    TAILQ_HEAD(, ready) ready;
    int64_t next_session_id;
    size_t watch_count;  /* of all sessions */
    size_t waited_count; /* keys that sessions wait for, each counted as often as it is */
    struct orders orders;
    struct dict snapshots;
    struct dict scripts; /* SHA-1 -> source */
    bool in_script;
    bool in_exec;
    int64_t started_ms;
    uint64_t commands_done, connections_made;
    uint64_t calls[FR_CMD_COUNT + 1]; /* of each command, by its row's id; MOCK is the last */
    uint64_t hits, misses, expired;
};

/* --------------------------------------------------------------------------------------- commands
 */

enum command_flag {
    DENY_OOM = 1,
    NO_SCRIPT = 2,
    NO_MULTI = 4,
    UNCOUNTED = 8,  /* by what MOCK orders */
    CONTROL = 16,   /* runs also in a transaction: EXEC and its kin */
    IN_PUBSUB = 32, /* allowed to a subscribed RESP2 session */
    WALKS = 64,     /* may go through a whole value, once; what pops asks for how much it wants */
    LONG = 128,     /* or through more: all keys, several values, a script */
    COPIES = 256,   /* may go through a value for each of its words */
    DRAWS = 512     /* takes a count that may be any: how often it picks something */
};

struct call {
    struct fr_mock *mock;
    struct fr_mock_session *session;
    struct db *db;
    struct out *out;
    const struct fr_word *argv;
    size_t argc;
    const struct fr_command *row;
    bool may_block; /* not in a transaction, nor in a script */
};

typedef void command_function(struct call *c);

struct command {
    const char *name;
    command_function *run; /* NULL: not known */
    unsigned flags;        /* enum command_flag */
};

/* What stands before the reason for which an EXEC is refused. */
#define EXEC_ABORTED "EXECABORT Transaction discarded because of: "

/* Find what runs a command; *row is its row of the command table. NULL: unknown. */
const struct command *frm_command_find(const struct fr_word *words, size_t count,
                                       const struct fr_command **row);

/* The name of the command of an identifier, NULL when the engine does not know it. */
const char *frm_command_name(size_t id);

/* The flags of a command that is called with so many words: LONG says of each whether it is. */
unsigned frm_command_flags(const struct command *command, size_t count);

/* Refuse a command as Redis words it, because of its name or number of words; true: it is fine. */
bool frm_command_check(struct out *out, const struct fr_word *words, size_t count,
                       const struct command **command, const struct fr_command **row);

/* Run a command that was found and may run: c->row is its row. */
void frm_run(struct call *c, const struct command *command);

bool frm_may_subscribe_only(const struct fr_mock_session *session);

/* The time of the running command. */
int64_t frm_now_ms(const struct fr_mock *mock);
void frm_clock_read(struct fr_mock *mock);
uint64_t frm_random(struct fr_mock *mock);

/* Make what CLIENT REPLY ordered effective for the next command. */
void frm_settle_replies(struct fr_mock_session *session);
void frm_session_end(struct fr_mock_session *session);
void frm_session_tell(struct fr_mock_session *session);

/* ------------------------------------------------------------------------------------- arguments
 */

/* Whether word i is there and this text, in any case. */
bool frm_arg_is(const struct call *c, size_t i, const char *text);

/* Read a number, or answer with the error (NULL: Redis' usual one) and return false. */
bool frm_arg_int(struct call *c, size_t i, int64_t *value, const char *error);
bool frm_arg_range(struct call *c, size_t i, int64_t least, int64_t most, int64_t *value,
                   const char *error);
bool frm_arg_double(struct call *c, size_t i, double *value, const char *error);

/* ------------------------------------------------------------------------------------------ keys
 */

/* The value of a key, NULL when there is none or its time is over. */
struct value *frm_find(struct call *c, const struct fr_word *key);
struct value *frm_find_in(struct db *db, const struct fr_word *key);

/* The same; false, with WRONGTYPE answered, when it is of another type. */
bool frm_find_type(struct call *c, const struct fr_word *key, enum value_type type,
                   struct value **value);

/* The value of a key, made when there is none; NULL: WRONGTYPE was answered. */
struct value *frm_find_or_make(struct call *c, const struct fr_word *key, enum value_type type);

/* Give a new key a value (taken), or replace one with its expiry. Watchers and waiters notice. */
void frm_add(struct db *db, const struct fr_word *key, struct value *value);
void frm_replace(struct db *db, const struct fr_word *key, struct value *value);

/* Remove a key; false: there was none. */
bool frm_delete(struct db *db, const struct fr_word *key);

/* Take a key's value out of the database. */
struct value *frm_take_out(struct db *db, const struct fr_word *key);

/* Tell watchers that a key changed. */
void frm_touch(struct db *db, const struct fr_word *key);
void frm_touch_all(struct db *db, bool even_missing);

/* After a removal from a collection: remove the key when nothing is left; touch it. */
void frm_shrunk(struct call *c, const struct fr_word *key, struct value *value);

/* Let a key expire at a time (NEVER: not at all). */
void frm_expire_at(struct db *db, struct value *value, int64_t at_ms);

/* Remove every key whose time is over. */
void frm_expire_due(struct db *db);
void frm_flush(struct db *db);

/* Whether the key's time is over though it is still stored. */
bool frm_has_expired(const struct db *db, const struct value *value);

void frm_wrong_type(struct out *out);

/* -------------------------------------------------------------------------------------- waiting */

/* Have the session wait on keys (words first to last, borrowed) with its command. */
void frm_wait(struct call *c, enum wait_kind kind, int64_t until_us, const struct fr_word *keys,
              size_t count);
void frm_wait_end(struct fr_mock_session *session);

/* Note that a key may serve who waits; serve them once the command is done. */
void frm_ready(struct db *db, const struct fr_word *key, bool was_deleted);
void frm_serve_waiting(struct fr_mock *mock);

/* Read a timeout in seconds into the time it ends at. */
bool frm_arg_timeout(struct call *c, size_t i, int64_t *until_us);

/* Hold the session's output back until a time of the clock that was handed in. */
void frm_hold(struct fr_mock_session *session, int64_t until_us);

/* Answer as if the time was over. */
void frm_wait_timed_out(struct fr_mock_session *session);

/* Try to serve a session that waits on key; false: it goes on waiting. */
bool frm_serve_list(struct call *c, const struct fr_word *key);
bool frm_serve_zset(struct call *c, const struct fr_word *key);
bool frm_serve_stream(struct call *c, const struct fr_word *key);

/* ---------------------------------------------------------------------------------- transactions
 */

void frm_queue(struct call *c, const struct command *command);
void frm_transaction_end(struct fr_mock_session *session);
void frm_unwatch(struct fr_mock_session *session);
void frm_unsubscribe_all(struct fr_mock_session *session);
size_t frm_subscription_count(const struct fr_mock_session *session);

struct queued *frm_queued_new(struct heap *heap, const struct fr_word *words, size_t count);

/* ---------------------------------------------------------------------------------------- others
 */

/* Whether a pattern stands for a text (common/glob.h). */
static inline bool frm_glob(const struct fr_word *pattern, const struct fr_word *text)
{
    return fr_glob_match(pattern->data, pattern->len, text->data, text->len);
}

void frm_scripts_free(struct fr_mock *mock);
void frm_orders_clear(struct fr_mock *mock);

/* Answer for MOCK's orders instead of executing; true: the command is dealt with. */
bool frm_ordered(struct call *c);

#endif
