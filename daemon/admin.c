/* The admin socket: who may, what a request is, and which row answers it. See admin.h. */
#include "daemon/admin_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/access.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "include/flaskredis/version.h"

#define REQUEST_MOST (64 * 1024)
#define GUESTS_MOST 64

static const struct {
    const char *name;
    size_t least, most; /* words */
    admin_handler *run;
    const char *usage, *help;
} commands[] = {
#define ADMIN_COMMAND(name, least, most, handler, usage, help)                                     \
    {name, least, most, handler, usage, help},
#define ADMIN_SHOW(...)
#include "daemon/admin.def"
#undef ADMIN_COMMAND
#undef ADMIN_SHOW
};

static const struct {
    const char *name;
    admin_handler *run;
    const char *usage, *help;
} topics[] = {
#define ADMIN_COMMAND(...)
#define ADMIN_SHOW(topic, handler, usage, help) {topic, handler, usage, help},
#include "daemon/admin.def"
#undef ADMIN_COMMAND
#undef ADMIN_SHOW
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---------------------------------------------------------------------------------------- answers
 */

void admin_answer_line(struct guest *guest, const char *line)
{
    struct evbuffer *answer = evbuffer_new();
    evbuffer_add_printf(answer, "%s\r\n", line);
    desk_answer(guest, answer);
    evbuffer_free(answer);
}

void admin_answer_error(struct guest *guest, const char *format, ...)
{
    char text[1024] = "-";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + 1, sizeof text - 1, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\r' || *at == '\n' ? ' ' : *at;
    }
    admin_answer_line(guest, text);
}

void admin_answer_rows(struct guest *guest, struct rows *rows)
{
    struct evbuffer *answer = evbuffer_new();
    rows_deliver(rows, answer);
    rows_finish(rows);
    desk_answer(guest, answer);
    evbuffer_free(answer);
}

/* ------------------------------------------------------------------------------------------ words
 */

bool admin_word_is(const struct fr_word *word, const char *text)
{
    return word->len == strlen(text) && strncasecmp(word->data, text, word->len) == 0;
}

const char *admin_word_text(const struct fr_word *word, char *to)
{
    size_t len = word->len < ADMIN_NAME_CAP - 1 ? word->len : ADMIN_NAME_CAP - 1;
    memcpy(to, word->data, len);
    to[len] = '\0';
    return to;
}

const char *admin_prefix_named(const struct admin_request *request, const struct fr_word *word)
{
    const struct settings *settings = request->admin->service->settings;
    char name[ADMIN_NAME_CAP];
    for (size_t i = 0; i < settings->prefix_count; i++) {
        if (admin_word_is(word, settings->prefixes[i].name)) {
            return settings->prefixes[i].name;
        }
    }
    admin_answer_error(request->guest, "ERR no prefix %s (SHOW POOLS lists them)",
                       admin_word_text(word, name));
    return NULL;
}

/* -------------------------------------------------------------------------- what libraries say */

void admin_ping(const struct admin_request *request)
{
    struct evbuffer *answer = evbuffer_new();
    if (request->count == 1) {
        evbuffer_add_printf(answer, "+PONG\r\n");
    } else {
        evbuffer_add_printf(answer, "$%zu\r\n", request->words[1].len);
        evbuffer_add(answer, request->words[1].data, request->words[1].len);
        evbuffer_add(answer, "\r\n", 2);
    }
    desk_answer(request->guest, answer);
    evbuffer_free(answer);
}

void admin_hello(const struct admin_request *request)
{
    struct guest *guest = request->guest;
    int64_t proto = guest->proto;
    if (request->count > 1 &&
        (!fr_parse_int64(request->words[1].data, request->words[1].len, &proto) || proto < 2 ||
         proto > 3)) {
        admin_answer_error(guest, "NOPROTO unsupported protocol version");
        return;
    }
    guest->proto = (int)proto;
    struct evbuffer *answer = evbuffer_new();
    struct rows rows;
    rows_init(&rows, guest->proto);
    rows_begin(&rows);
    rows_text(&rows, "server", "flaskredisd");
    rows_text(&rows, "version", FLASKREDIS_VERSION);
    rows_number(&rows, "proto", proto);
    rows_text(&rows, "mode", "admin");
    rows_take(&rows, answer);
    rows_finish(&rows);
    desk_answer(guest, answer);
    evbuffer_free(answer);
}

void admin_client(const struct admin_request *request)
{
    bool is_id = admin_word_is(&request->words[1], "id");
    bool is_known = is_id || admin_word_is(&request->words[1], "setname") ||
                    admin_word_is(&request->words[1], "setinfo");
    if (!is_known) {
        admin_answer_error(request->guest, "ERR CLIENT has no meaning here but SETNAME, SETINFO "
                                           "and ID; SHOW CLIENTS lists the clients");
    } else {
        admin_answer_line(request->guest, is_id ? ":0" : "+OK");
    }
}

void admin_command(const struct admin_request *request)
{
    admin_answer_line(request->guest, "*0");
}

void admin_quit(const struct admin_request *request)
{
    request->guest->closes = true;
    admin_answer_line(request->guest, "+OK");
}

/* ------------------------------------------------------------------------------------------- HELP
 */

void admin_help(const struct admin_request *request)
{
    struct evbuffer *answer = evbuffer_new();
    char line[256];
    evbuffer_add_printf(answer, "*%zu\r\n", COUNT_OF(commands) + COUNT_OF(topics));
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        snprintf(line, sizeof line, "%s -- %s", commands[i].usage, commands[i].help);
        rows_bulk(answer, line);
    }
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        char name[32];
        for (size_t c = 0; c <= strlen(topics[i].name); c++) {
            name[c] = (char)(topics[i].name[c] & ~(topics[i].name[c] >= 'a' ? 0x20 : 0));
        }
        snprintf(line, sizeof line, "SHOW %s%s%s -- %s", name, topics[i].usage[0] ? " " : "",
                 topics[i].usage, topics[i].help);
        rows_bulk(answer, line);
    }
    desk_answer(request->guest, answer);
    evbuffer_free(answer);
}

void admin_show(const struct admin_request *request)
{
    char name[ADMIN_NAME_CAP];
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        if (admin_word_is(&request->words[1], topics[i].name)) {
            topics[i].run(request);
            return;
        }
    }
    admin_answer_error(request->guest, "ERR nothing to SHOW is called %s (HELP lists the topics)",
                       admin_word_text(&request->words[1], name));
}

/* -------------------------------------------------------------------------------------- questions
 */

static bool read_option(struct question *question, const struct fr_word *name,
                        const struct fr_word *value)
{
    int64_t number = 0;
    if (!fr_parse_int64(value->data, value->len, &number) || number < 0) {
        return false;
    }
    if (admin_word_is(name, "limit") && number > 0) {
        question->limit = number < ADMIN_LIMIT_MOST ? number : ADMIN_LIMIT_MOST;
        return true;
    }
    question->after = (uint64_t)number;
    return admin_word_is(name, "after");
}

struct question *admin_question(const struct admin_request *request, size_t at)
{
    struct question *question = memory_zeroed(sizeof *question);
    *question = (struct question){
        .admin = request->admin, .guest = request->guest, .limit = ADMIN_LIMIT_DEFAULT};
    if ((request->count - at) % 2 == 1) {
        const char *prefix = admin_prefix_named(request, &request->words[at++]);
        if (prefix == NULL) {
            free(question);
            return NULL;
        }
        snprintf(question->prefix, sizeof question->prefix, "%s", prefix);
    }
    for (; at + 1 < request->count; at += 2) {
        if (!read_option(question, &request->words[at], &request->words[at + 1])) {
            admin_answer_error(request->guest, "ERR options are LIMIT n and AFTER id");
            free(question);
            return NULL;
        }
    }
    return question;
}

static void visit(struct census *census, struct worker *worker)
{
    struct question *question = (struct question *)census;
    struct pool *pool;
    struct pool *next;
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        if (question->prefix[0] == '\0' ||
            strcmp(question->prefix, pool->context.settings->name) == 0) {
            question->visit(question, pool);
        }
    }
    if (question->leave != NULL) {
        question->leave(question);
    }
}

static void finish(struct census *census)
{
    struct question *question = (struct question *)census;
    question->tell(question);
    admin_answer_rows(question->guest, &question->rows);
    tallies_finish(&question->tallies);
    free(question);
}

void admin_ask(struct question *question)
{
    struct guest *guest = question->guest;
    question->census.visit = visit;
    question->census.finish = finish;
    rows_init(&question->rows, guest->proto);
    if (!census_start(&question->census, question->admin->office)) {
        rows_finish(&question->rows);
        free(question);
        admin_answer_error(guest, "ERR %d questions are under way already: a worker stands still",
                           CENSUS_MOST);
        return;
    }
    guest->is_busy = true;
}

/* --------------------------------------------------------------------------------------- requests
 */

static void dispatch(const struct admin_request *request)
{
    char name[ADMIN_NAME_CAP];
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (!admin_word_is(&request->words[0], commands[i].name)) {
            continue;
        }
        if (request->count < commands[i].least || request->count > commands[i].most) {
            admin_answer_error(request->guest, "ERR wrong number of words: %s", commands[i].usage);
        } else {
            commands[i].run(request);
        }
        return;
    }
    admin_answer_error(request->guest, "ERR unknown command %s (HELP lists those there are)",
                       admin_word_text(&request->words[0], name));
}

static void run_frame(struct guest *guest, const char *frame, size_t len)
{
    struct admin_request request = {.admin = guest->desk->owner, .guest = guest};
    struct fr_words words = fr_words_begin(frame, len);
    while (request.count < ADMIN_WORDS_MOST &&
           fr_words_next(&words, &request.words[request.count])) {
        request.count++;
    }
    dispatch(&request);
}

static void break_off(struct guest *guest, const char *text)
{
    guest->closes = true;
    admin_answer_error(guest, "ERR %s", text);
}

static void run_line(struct guest *guest, const char *line, size_t len)
{
    len -= line[len - 1] == '\n';
    len -= len > 0 && line[len - 1] == '\r';
    char *frame = memory_alloc(FR_INLINE_CAP(len));
    long frame_len = fr_inline_to_array(line, len, frame);
    if (frame_len < 0) {
        break_off(guest, "Protocol error: unbalanced quotes in request");
    } else if (frame_len > 0) {
        run_frame(guest, frame, (size_t)frame_len);
    }
    free(frame);
}

static size_t ask(struct guest *guest, const char *data, size_t len)
{
    static const struct fr_request_limits limits = {.args_max = ADMIN_WORDS_MOST,
                                                    .bulk_max = REQUEST_MOST / 2};
    struct fr_request request = {0};
    char error[128];
    switch (fr_request_scan(&request, data, len, &limits)) {
    case FR_FRAME_BROKEN:
        break_off(guest, fr_request_error(&request, error, sizeof error));
        return len;
    case FR_FRAME_MORE:
        if (len >= REQUEST_MOST) {
            break_off(guest, "Protocol error: too big request");
            return len;
        }
        return 0;
    case FR_FRAME_DONE:
        break;
    }
    if (request.is_inline) {
        run_line(guest, data, request.scanned);
    } else if (request.argc > 0) {
        run_frame(guest, data, request.scanned);
    }
    return request.scanned;
}

/* ----------------------------------------------------------------------------------------- access
 */

static bool admits(void *owner, int fd, struct evbuffer *refusal)
{
    const struct admin *admin = owner;
    struct access_peer peer;
    if (access_allows(&admin->service->settings->daemon, fd, &peer)) {
        return true;
    }
    log_warning("admin socket: process %d of user %lld turned away (settings \"admin_users\", "
                "\"admin_groups\")",
                (int)peer.pid, (long long)(int)peer.uid);
    evbuffer_add_printf(refusal,
                        "-NOPERM user %lld may not use the admin socket (settings \"admin_users\", "
                        "\"admin_groups\")\r\n",
                        (long long)(int)peer.uid);
    return false;
}

static const struct desk_ops desk_ops = {.name = "admin socket",
                                         .guests_most = GUESTS_MOST,
                                         .question_most = REQUEST_MOST,
                                         .question_ms = 10000,
                                         .answer_ms = 60000,
                                         .is_patient = true,
                                         .admits = admits,
                                         .ask = ask};

/* Whom the lists name is asked for by the kernel's word; the mode keeps others from trying only
 * while the lists are empty. */
static int64_t mode_of(const struct settings *settings)
{
    return access_is_shared(&settings->daemon) ? 0666 : 0600;
}

bool admin_open(struct admin *admin, struct service *service, struct census_office *office,
                const struct settings *settings, struct problems *problems)
{
    *admin = (struct admin){
        .service = service, .office = office, .started_s = time(NULL), .started_ms = loop_now_ms()};
    if (!settings->daemon.admin_socket) {
        return true;
    }
    if (!listener_open_own(&admin->listener, settings, "admin", mode_of(settings), problems)) {
        return false;
    }
    desk_open(&admin->desk, service->base, admin->listener.fd, &desk_ops, admin);
    return true;
}

void admin_note_settings(struct admin *admin)
{
    const char *path = admin->listener.path;
    if (path != NULL && chmod(path, (mode_t)mode_of(admin->service->settings)) != 0) {
        log_error("admin socket %s: cannot change the mode: %s", path, strerror(errno));
    }
}

void admin_note_end(struct admin *admin)
{
    admin->is_closing = true;
}

void admin_close(struct admin *admin)
{
    admin_forget_overrides(admin);
    admin_forget_orders(admin);
    if (admin->desk.ops != NULL) {
        desk_close(&admin->desk);
        admin->listener.fd = -1; /* was the desk's */
        unlink(admin->listener.path);
        listener_close(&admin->listener);
    }
}
