/* CLIENT: sessions are this prefix' clients, with ids of their own. The server's connections are
 * nobody's business here, so nothing is forwarded, and a subcommand this file does not know is an
 * error as it is on a server that does not know it: a new one might switch a shared connection into
 * something. Texts are Redis' (networking.c, 7.0). */
#include "daemon/router.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "daemon/client_filter.h"
#include "daemon/memory.h"
#include "daemon/roll_call.h"

static enum routed answer_ok(struct session *session)
{
    session_answer_text(session, "+OK\r\n");
    return ROUTED;
}

static enum routed answer_syntax_error(struct session *session)
{
    session_answer_error(session, "ERR syntax error");
    return ROUTED;
}

/* ------------------------------------------------------------------------------- names and
 * identity */

static bool is_plain(const struct fr_word *word)
{
    for (size_t i = 0; i < word->len; i++) {
        if (word->data[i] < '!' || word->data[i] > '~') {
            return false;
        }
    }
    return true;
}

bool client_name_is_valid(struct session *session, const struct fr_word *name)
{
    if (!is_plain(name)) {
        session_answer_error(
            session, "ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    return true;
}

static enum routed on_setname(struct session *session, const struct call *call)
{
    if (client_name_is_valid(session, &call->words[2])) {
        session_set_text(&session->name, call->words[2].data, call->words[2].len);
        return answer_ok(session);
    }
    return ROUTED;
}

static enum routed on_getname(struct session *session, const struct call *call)
{
    (void)call;
    const char *name = session->name;
    session_answer_bulk(session, name, name == NULL ? 0 : strlen(name));
    return ROUTED;
}

static enum routed on_setinfo(struct session *session, const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word value = {0};
    while (fr_words_next(&words, &value)) {
    }
    bool is_name = call_word_is(call, 2, "lib-name");
    if (!is_name && !call_word_is(call, 2, "lib-ver")) {
        session_answer_error(session, "ERR Unrecognized option '%.*s'",
                             (int)(call->words[2].len > 128 ? 128 : call->words[2].len),
                             call->words[2].data);
    } else if (!is_plain(&value)) {
        session_answer_error(session,
                             "ERR %s cannot contain spaces, newlines or special characters.",
                             is_name ? "lib-name" : "lib-ver");
    } else {
        session_set_text(is_name ? &session->lib_name : &session->lib_version, value.data,
                         value.len);
        return answer_ok(session);
    }
    return ROUTED;
}

static enum routed on_id(struct session *session, const struct call *call)
{
    (void)call;
    session_answerf(session, ":%" PRIu64 "\r\n", session->id);
    return ROUTED;
}

static enum routed on_no_evict(struct session *session, const struct call *call)
{
    bool is_on = call_word_is(call, 2, "on");
    if (!is_on && !call_word_is(call, 2, "off")) {
        return answer_syntax_error(session);
    }
    session->is_no_evict = is_on;
    return answer_ok(session);
}

/* --------------------------------------------------------------------------------- CLIENT REPLY */

static enum routed on_reply_mode(struct session *session, const struct call *call)
{
    if (call_word_is(call, 2, "on")) {
        session->reply_mode = REPLY_ON;
        session->skips_this = false;
        return answer_ok(session);
    }
    if (call_word_is(call, 2, "off")) {
        session->reply_mode = REPLY_OFF;
    } else if (call_word_is(call, 2, "skip")) {
        session->skips_next = session->reply_mode == REPLY_ON;
    } else {
        return answer_syntax_error(session);
    }
    return ROUTED;
}

/* ------------------------------------------------------------------- tracking, when there is none
 */

static enum routed on_caching(struct session *session, const struct call *call)
{
    (void)call;
    session_answer_error(session, "ERR CLIENT CACHING can be called only when the client is in "
                                  "tracking mode with OPTIN or OPTOUT mode enabled");
    return ROUTED;
}

static enum routed on_getredir(struct session *session, const struct call *call)
{
    (void)call;
    session_answerf(session, ":%" PRId64 "\r\n",
                    session->redirects_to == 0 ? -1 : session->redirects_to);
    return ROUTED;
}

static enum routed on_trackinginfo(struct session *session, const struct call *call)
{
    (void)call;
    session_answerf(session,
                    "%s\r\n$5\r\nflags\r\n%s\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n"
                    "$8\r\nprefixes\r\n*0\r\n",
                    session->proto == 3 ? "%3" : "*6", session->proto == 3 ? "~1" : "*1");
    return ROUTED;
}

/* ------------------------------------------------------------------------------------ INFO, LIST
 */

static void answer_verbatim(struct session *session, const char *text, size_t len, bool is_silent)
{
    struct evbuffer *out = evbuffer_new();
    if (session->proto == 3) {
        evbuffer_add_printf(out, "=%zu\r\ntxt:", len + 4);
    } else {
        evbuffer_add_printf(out, "$%zu\r\n", len);
    }
    evbuffer_add(out, text, len);
    evbuffer_add(out, "\r\n", 2);
    session_finish_answer(session, (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out),
                          is_silent);
    evbuffer_free(out);
}

static enum routed on_info(struct session *session, const struct call *call)
{
    (void)call;
    struct evbuffer *line = evbuffer_new();
    session->last_command = call->command;
    client_describe(session, line);
    session_begin_answer(session);
    answer_verbatim(session, (const char *)evbuffer_pullup(line, -1), evbuffer_get_length(line),
                    session_is_silent(session));
    evbuffer_free(line);
    return ROUTED;
}

struct entry {
    uint64_t id;
    struct evbuffer *line;
};

/* A list or a killing under way. */
struct survey {
    struct roll_call roll;
    struct client_filter filter;
    struct entry *entries; /* as the workers were visited */
    int64_t count;         /* of entries, or of the killed */
    bool kills_asker;
    bool is_old_form; /* CLIENT KILL ip:port, which answers in another way */
};

static struct survey *make_survey(void)
{
    return memory_zeroed(sizeof(struct survey));
}

static void free_survey(struct survey *survey)
{
    for (int64_t i = 0; survey->entries != NULL && i < survey->count; i++) {
        evbuffer_free(survey->entries[i].line);
    }
    client_filter_finish(&survey->filter);
    free(survey->entries);
    free(survey);
}

static void list_one(struct roll_call *roll, struct session *session)
{
    struct survey *survey = (struct survey *)roll;
    if (client_filter_matches(&survey->filter, session)) {
        struct entry entry = {.id = session->id, .line = evbuffer_new()};
        client_describe(session, entry.line);
        survey->entries =
            memory_resize(survey->entries, (size_t)(survey->count + 1) * sizeof entry);
        survey->entries[survey->count++] = entry;
    }
}

static int by_id(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;
    return (one->id > other->id) - (one->id < other->id);
}

static void add_line(struct evbuffer *to, const struct entry *entry)
{
    size_t len = evbuffer_get_length(entry->line);
    evbuffer_add(to, evbuffer_pullup(entry->line, -1), len);
}

static const struct entry *find_entry(const struct survey *survey, int64_t id)
{
    struct entry key = {.id = (uint64_t)id};
    size_t count = (size_t)survey->count;
    return count == 0 ? NULL
                      : bsearch(&key, survey->entries, count, sizeof *survey->entries, by_id);
}

/* As a server does: in the order in which they connected, or in which they were named. */
static void write_list(struct survey *survey, struct evbuffer *to)
{
    const int64_t *ids = survey->filter.ids;
    if (survey->count > 0) {
        qsort(survey->entries, (size_t)survey->count, sizeof *survey->entries, by_id);
    }
    for (int64_t i = 0; ids == NULL && i < survey->count; i++) {
        add_line(to, &survey->entries[i]);
    }
    for (size_t i = 0; ids != NULL && i < survey->filter.id_count; i++) {
        const struct entry *entry = find_entry(survey, ids[i]);
        if (entry != NULL) {
            add_line(to, entry);
        }
    }
}

static void finish_list(struct roll_call *roll)
{
    struct survey *survey = (struct survey *)roll;
    struct evbuffer *list = evbuffer_new();
    write_list(survey, list);
    answer_verbatim(roll->asker, (const char *)evbuffer_pullup(list, -1), evbuffer_get_length(list),
                    roll->is_silent);
    evbuffer_free(list);
    free_survey(survey);
}

static enum routed on_list(struct session *session, const struct call *call)
{
    struct survey *survey = make_survey();
    if (!client_filter_read_list(&survey->filter, session, call)) {
        free_survey(survey);
        return ROUTED;
    }
    session->last_command = call->command;
    survey->roll.visit = list_one;
    survey->roll.finish = finish_list;
    roll_call_start(&survey->roll, session);
    return ROUTED;
}

/* ------------------------------------------------------------------------------------------- KILL
 */

static void kill_one(struct roll_call *roll, struct session *session)
{
    struct survey *survey = (struct survey *)roll;
    if (!client_filter_matches(&survey->filter, session) ||
        (survey->is_old_form && survey->count > 0)) {
        return;
    }
    if (session == roll->asker) {
        if (survey->filter.skips_asker) {
            return;
        }
        survey->kills_asker = true;
    } else {
        session_close(session, "CLIENT KILL");
    }
    survey->count++;
}

static void finish_kill(struct roll_call *roll)
{
    struct survey *survey = (struct survey *)roll;
    char answer[64];
    if (!survey->is_old_form) {
        snprintf(answer, sizeof answer, ":%" PRId64 "\r\n", survey->count);
    } else {
        snprintf(answer, sizeof answer, "%s\r\n",
                 survey->count > 0 ? "+OK" : "-ERR No such client");
    }
    if (survey->kills_asker && !roll->asker->is_dead) {
        session_close_when_written(roll->asker);
    }
    session_finish_answer(roll->asker, answer, strlen(answer), roll->is_silent);
    free_survey(survey);
}

static enum routed on_kill(struct session *session, const struct call *call)
{
    struct survey *survey = make_survey();
    survey->is_old_form = call->argc == 3;
    if (!client_filter_read_kill(&survey->filter, session, call)) {
        free_survey(survey);
        return ROUTED;
    }
    survey->roll.visit = kill_one;
    survey->roll.finish = finish_kill;
    roll_call_start(&survey->roll, session);
    return ROUTED;
}

/* ---------------------------------------------------------------------------------------- UNBLOCK
 */

struct unblocking {
    struct roll_call roll;
    uint64_t id;
    bool is_error;
    bool was_queued;  /* it waited for a connection, and does not any more */
    uint64_t real_id; /* of the connection that is blocked for it */
};

/* Nothing has been sent for it yet: it is answered as if it had blocked. */
static void unblock_queued(struct unblocking *unblocking, struct session *session)
{
    static const char error[] = "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";
    const char *null = session->proto == 3 ? "_\r\n" : "*-1\r\n";
    unblocking->was_queued = true;
    session_refuse_wait(session, unblocking->is_error ? error : null);
}

static void unblock_one(struct roll_call *roll, struct session *session)
{
    struct unblocking *unblocking = (struct unblocking *)roll;
    if (session->id != unblocking->id) {
        return;
    }
    if (session->is_blocking && session->lease != NULL) {
        unblocking->real_id = session->lease->upstream->real_id;
        session->lease->is_dirty = true; /* it may come too late: nobody else must block there */
    } else if (session_waits_to_block(session)) {
        unblock_queued(unblocking, session);
    }
}

/* Let the server unblock the connection; its reply is the reply. */
static void forward_unblock(const struct unblocking *unblocking)
{
    struct session *session = unblocking->roll.asker;
    char id[24];
    char frame[128];
    const char *how = unblocking->is_error ? "ERROR" : "TIMEOUT";
    int id_len = snprintf(id, sizeof id, "%" PRIu64, unblocking->real_id);
    int len = snprintf(frame, sizeof frame,
                       "*4\r\n$6\r\nCLIENT\r\n$7\r\nUNBLOCK\r\n$%d\r\n%s\r\n$%zu\r\n%s\r\n", id_len,
                       id, strlen(how), how);
    struct call call = {.frame = frame,
                        .len = (size_t)len,
                        .is_whole = true,
                        .command = &fr_commands[FR_CMD_CLIENT_UNBLOCK]};
    uint8_t tag = unblocking->roll.is_silent ? TAG_SILENT : TAG_NONE;
    if (session_send_shared(session, &call, tag) == ROUTE_LATER) {
        session_end_wait(session);
        session_answer_error(session, "POOLWAIT the server takes no requests now");
    }
    session->is_barred = true;
}

static void finish_unblock(struct roll_call *roll)
{
    struct unblocking *unblocking = (struct unblocking *)roll;
    const char *answer = unblocking->was_queued ? ":1\r\n" : ":0\r\n";
    /* with its answer the asker may go on to another server, where the number is somebody else's;
     * who blocks in a pool that is left is unblocked without being asked for */
    bool is_forwarded = unblocking->real_id != 0 && roll->asker->pool->successor == NULL;
    session_finish_answer(roll->asker, answer, 4, roll->is_silent || is_forwarded);
    if (is_forwarded && !roll->asker->is_dead) {
        forward_unblock(unblocking);
    }
    free(unblocking);
}

static enum routed on_unblock(struct session *session, const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word how = {0};
    int64_t id = 0;
    for (uint32_t i = 0; i < call->argc; i++) {
        fr_words_next(&words, &how);
    }
    bool is_error = how.len == 5 && strncasecmp(how.data, "ERROR", 5) == 0;
    bool is_timeout = how.len == 7 && strncasecmp(how.data, "TIMEOUT", 7) == 0;
    if (call->argc > 4) {
        session_answer_error(session,
                             "ERR unknown subcommand or wrong number of arguments for '%.*s'. "
                             "Try CLIENT HELP.",
                             (int)call->words[1].len, call->words[1].data);
    } else if (call->argc == 4 && !is_error && !is_timeout) {
        session_answer_error(session, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    } else if (!fr_parse_int64(call->words[2].data, call->words[2].len, &id)) {
        session_answer_error(session, "ERR value is not an integer or out of range");
    } else {
        struct unblocking *unblocking = memory_zeroed(sizeof *unblocking);
        unblocking->id = (uint64_t)id;
        unblocking->is_error = call->argc == 4 && is_error;
        unblocking->roll.visit = unblock_one;
        unblocking->roll.finish = finish_unblock;
        roll_call_start(&unblocking->roll, session);
    }
    return ROUTED;
}

/* ------------------------------------------------------------------------------------ the
 * container */

static enum routed on_help(struct session *session, const struct call *call)
{
    static const char *const lines[] = {
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Answered by flaskredisd, for the clients "
        "of "
        "this prefix:",
        "GETNAME, GETREDIR, ID, INFO, SETNAME name, SETINFO option value",
        "LIST [TYPE type] [ID id [id ...]]",
        "KILL addr | KILL option value [option value ...]",
        "REPLY (ON|OFF|SKIP), UNBLOCK id [TIMEOUT|ERROR], NO-EVICT (ON|OFF)",
        "Answered by the server: PAUSE, UNPAUSE, and for a connection of one's own TRACKING, "
        "CACHING, "
        "NO-TOUCH",
    };
    size_t count = sizeof lines / sizeof lines[0];
    (void)call;
    session_answerf(session, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        session_answerf(session, "+%s\r\n", lines[i]);
    }
    return ROUTED;
}

static enum routed on_unknown(struct session *session, const struct call *call)
{
    int shown = call->words[1].len > 128 ? 128 : (int)call->words[1].len;
    session_answer_error(session, "ERR unknown subcommand '%.*s'. Try CLIENT HELP.", shown,
                         call->words[1].data);
    return ROUTED;
}

local_command client_command(const struct fr_command *command)
{
    static const local_command commands[FR_CMD_COUNT] = {
        [FR_CMD_CLIENT] = on_unknown,          [FR_CMD_CLIENT_CACHING] = on_caching,
        [FR_CMD_CLIENT_GETNAME] = on_getname,  [FR_CMD_CLIENT_GETREDIR] = on_getredir,
        [FR_CMD_CLIENT_HELP] = on_help,        [FR_CMD_CLIENT_ID] = on_id,
        [FR_CMD_CLIENT_INFO] = on_info,        [FR_CMD_CLIENT_KILL] = on_kill,
        [FR_CMD_CLIENT_LIST] = on_list,        [FR_CMD_CLIENT_NO_EVICT] = on_no_evict,
        [FR_CMD_CLIENT_REPLY] = on_reply_mode, [FR_CMD_CLIENT_SETINFO] = on_setinfo,
        [FR_CMD_CLIENT_SETNAME] = on_setname,  [FR_CMD_CLIENT_TRACKINGINFO] = on_trackinginfo,
        [FR_CMD_CLIENT_UNBLOCK] = on_unblock,
    };
    return commands[command->id];
}
