/* What client libraries ask a server about itself: INFO, CONFIG GET, COMMAND, TIME, WAIT. */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mock/commands.h"

static void add_line(struct out *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_line(struct out *text, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    frm_out_raw(text, line,
                len < 0                      ? 0
                : (size_t)len < sizeof(line) ? (size_t)len
                                             : sizeof(line) - 1);
    frm_out_raw(text, "\r\n", 2);
}

static void about_server(struct out *text, struct fr_mock *mock)
{
    add_line(text, "redis_version:7.0.15");
    add_line(text, "redis_mode:standalone");
    add_line(text, "os:mock");
    add_line(text, "arch_bits:64");
    add_line(text, "process_id:1");
    add_line(text, "tcp_port:0");
    add_line(text, "server_time_usec:%" PRId64, mock->now_us);
    add_line(text, "uptime_in_seconds:%" PRId64, (frm_now_ms(mock) - mock->started_ms) / 1000);
}

static void about_clients(struct out *text, struct fr_mock *mock)
{
    int connected = 0, blocked = 0;
    const struct fr_mock_session *session;
    TAILQ_FOREACH(session, &mock->sessions, link)
    {
        connected++;
        blocked += session->wait.kind != WAIT_NOTHING && session->wait.kind != WAIT_DELAY;
    }
    add_line(text, "connected_clients:%d", connected);
    add_line(text, "blocked_clients:%d", blocked);
}

static void about_memory(struct out *text, struct fr_mock *mock)
{
    add_line(text, "used_memory:%zu", mock->heap.used);
    add_line(text, "maxmemory:%zu", mock->heap.max);
    add_line(text, "maxmemory_policy:noeviction");
}

static void about_persistence(struct out *text, struct fr_mock *mock)
{
    (void)mock;
    add_line(text, "loading:0");
    add_line(text, "rdb_bgsave_in_progress:0");
    add_line(text, "aof_enabled:0");
}

static void about_stats(struct out *text, struct fr_mock *mock)
{
    add_line(text, "total_connections_received:%" PRIu64, mock->connections_made);
    add_line(text, "total_commands_processed:%" PRIu64, mock->commands_done);
    add_line(text, "expired_keys:%" PRIu64, mock->expired);
    add_line(text, "keyspace_hits:%" PRIu64, mock->hits);
    add_line(text, "keyspace_misses:%" PRIu64, mock->misses);
}

static void about_replication(struct out *text, struct fr_mock *mock)
{
    (void)mock;
    add_line(text, "role:master");
    add_line(text, "connected_slaves:0");
}

/* What a command costs here tells nothing about Redis. */
static void about_commands(struct out *text, struct fr_mock *mock)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        if (mock->calls[i] > 0) {
            add_line(text,
                     "cmdstat_%s:calls=%" PRIu64
                     ",usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0",
                     frm_command_name(i), mock->calls[i]);
        }
    }
}

static void about_cluster(struct out *text, struct fr_mock *mock)
{
    (void)mock;
    add_line(text, "cluster_enabled:0");
}

static void about_keyspace(struct out *text, struct fr_mock *mock)
{
    for (int i = 0; i < DB_COUNT; i++) {
        struct db *db = &mock->db[i];
        uint32_t expiring = 0;
        frm_expire_due(db);
        for (const struct entry *entry = NULL; (entry = frm_dict_next(&db->keys, entry));) {
            expiring += ((const struct value *)entry->value)->expires_ms != NEVER;
        }
        if (db->keys.live > 0) {
            add_line(text, "db%d:keys=%u,expires=%u,avg_ttl=0", i, db->keys.live, expiring);
        }
    }
}

static const struct section {
    const char *name, *title;
    void (*write)(struct out *text, struct fr_mock *mock);
    bool is_usual; /* shown unless asked for others */
} sections[] = {
    {"server", "# Server", about_server, true},
    {"clients", "# Clients", about_clients, true},
    {"memory", "# Memory", about_memory, true},
    {"persistence", "# Persistence", about_persistence, true},
    {"stats", "# Stats", about_stats, true},
    {"replication", "# Replication", about_replication, true},
    {"commandstats", "# Commandstats", about_commands, false},
    {"cluster", "# Cluster", about_cluster, true},
    {"keyspace", "# Keyspace", about_keyspace, true},
};

static bool wants(const struct call *c, const struct section *section)
{
    bool is_wanted = c->argc == 1 && section->is_usual;
    for (size_t i = 1; i < c->argc && !is_wanted; i++) {
        is_wanted = frm_arg_is(c, i, section->name) || frm_arg_is(c, i, "all") ||
                    frm_arg_is(c, i, "everything") ||
                    (section->is_usual && frm_arg_is(c, i, "default"));
    }
    return is_wanted;
}

void frm_cmd_info(struct call *c)
{
    struct out text;
    frm_out_init(&text, &c->mock->heap);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (wants(c, &sections[i])) {
            if (text.end > 0) {
                frm_out_raw(&text, "\r\n", 2);
            }
            add_line(&text, "%s", sections[i].title);
            sections[i].write(&text, c->mock);
        }
    }
    frm_verbatim(c->out, text.data ? text.data : "", text.end);
    frm_out_finish(&text);
}

/* ----------------------------------------------------------------------------------------- CONFIG
 */

/* Defaults of Redis 7.0 that tell how the engine behaves; maxmemory is the engine's own. */
static const struct {
    const char *name, *value;
} parameters[] = {
    {"appendonly", "no"},
    {"databases", "16"},
    {"hash-max-listpack-entries", "512"},
    {"hash-max-listpack-value", "64"},
    {"list-max-listpack-size", "-2"},
    {"maxclients", "10000"},
    {"maxmemory", NULL},
    {"maxmemory-policy", "noeviction"},
    {"notify-keyspace-events", ""},
    {"proto-max-bulk-len", "536870912"},
    {"save", ""},
    {"set-max-intset-entries", "512"},
    {"stream-node-max-bytes", "4096"},
    {"stream-node-max-entries", "100"},
    {"tcp-keepalive", "300"},
    {"timeout", "0"},
    {"zset-max-listpack-entries", "128"},
    {"zset-max-listpack-value", "64"},
};

static bool is_asked(const struct call *c, const char *name)
{
    struct fr_word word = {name, strlen(name)};
    for (size_t i = 2; i < c->argc; i++) {
        if (frm_word_is(&c->argv[i], name) || frm_glob(&c->argv[i], &word)) {
            return true;
        }
    }
    return false;
}

void frm_cmd_config_get(struct call *c)
{
    size_t mark = frm_later(c->out);
    int64_t count = 0;
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (!is_asked(c, parameters[i].name)) {
            continue;
        }
        frm_bulk_text(c->out, parameters[i].name);
        if (parameters[i].value) {
            frm_bulk_text(c->out, parameters[i].value);
        } else {
            frm_bulk_int(c->out, (int64_t)c->mock->heap.max);
        }
        count++;
    }
    frm_later_map(c->out, mark, count);
}

/* ----------------------------------------------------------------------------------------- others
 */

void frm_cmd_command_count(struct call *c)
{
    int64_t count = 0;
    for (const char *const *name = fr_mock_commands(); *name; name++) {
        count += strchr(*name, '|') == NULL;
    }
    frm_int(c->out, count);
}

void frm_cmd_time(struct call *c)
{
    frm_array(c->out, 2);
    frm_bulk_int(c->out, c->mock->now_us / 1000000);
    frm_bulk_int(c->out, c->mock->now_us % 1000000);
}

/* There are no replicas: who wants one waits for the whole time in vain. */
void frm_cmd_wait(struct call *c)
{
    int64_t replicas, timeout_ms;
    if (!frm_arg_int(c, 1, &replicas, NULL) ||
        !frm_arg_int(c, 2, &timeout_ms, "ERR timeout is not an integer or out of range")) {
        return;
    }
    if (timeout_ms < 0) {
        frm_error(c->out, "ERR timeout is negative");
        return;
    }
    frm_int(c->out, 0);
    if (replicas > 0 && c->may_block) {
        int64_t now_us = c->mock->clock(c->mock->clock_arg);
        bool is_endless = timeout_ms == 0 || timeout_ms > (INT64_MAX - now_us) / 1000;
        frm_hold(c->session, is_endless ? NEVER : now_us + timeout_ms * 1000);
    }
}
