/* The last error of each thread, the statuses and their inheritance, and the code words with which
 * Redis and the daemon begin their errors.
 *
 * A text lives in the thread's own storage. One that is too long for that goes to the heap, and is
 * cut when there is none left: failing must not fail. */
#include "client/error.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

enum {
    TEXT_CAP = 512,
    CODE_CAP = 32
};

struct last_error {
    FlaskRedisError seen;
    char code[CODE_CAP];
    char text[TEXT_CAP];
    char *long_text; /* NULL, or what seen.text points to */
};

static _Thread_local struct last_error last = {.seen = {.code = "", .text = ""}};

/* --- statuses --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    FlaskRedisStatus kind; /* the one above it; OK: none */
} statuses[] = {
    [FLASK_REDIS_OK] = {"OK", FLASK_REDIS_OK},
    [FLASK_REDIS_NIL] = {"NIL", FLASK_REDIS_OK},
    [FLASK_REDIS_NOT_SET] = {"NOT_SET", FLASK_REDIS_OK},
    [FLASK_REDIS_QUEUED] = {"QUEUED", FLASK_REDIS_OK},
    [FLASK_REDIS_ERROR] = {"ERROR", FLASK_REDIS_OK},
    [FLASK_REDIS_CONNECTION] = {"CONNECTION", FLASK_REDIS_ERROR},
    [FLASK_REDIS_AUTH] = {"AUTH", FLASK_REDIS_CONNECTION},
    [FLASK_REDIS_LOADING] = {"LOADING", FLASK_REDIS_CONNECTION},
    [FLASK_REDIS_POOL_EXHAUSTED] = {"POOL_EXHAUSTED", FLASK_REDIS_CONNECTION},
    [FLASK_REDIS_TIMEOUT] = {"TIMEOUT", FLASK_REDIS_ERROR},
    [FLASK_REDIS_RESPONSE] = {"RESPONSE", FLASK_REDIS_ERROR},
    [FLASK_REDIS_NO_SCRIPT] = {"NO_SCRIPT", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_READ_ONLY] = {"READ_ONLY", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_OUT_OF_MEMORY] = {"OUT_OF_MEMORY", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_EXEC_ABORT] = {"EXEC_ABORT", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_NO_PERMISSION] = {"NO_PERMISSION", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_CROSS_SLOT] = {"CROSS_SLOT", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_CLUSTER_DOWN] = {"CLUSTER_DOWN", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_TRY_AGAIN] = {"TRY_AGAIN", FLASK_REDIS_RESPONSE},
    [FLASK_REDIS_DATA] = {"DATA", FLASK_REDIS_ERROR},
    [FLASK_REDIS_PUBSUB] = {"PUBSUB", FLASK_REDIS_ERROR},
    [FLASK_REDIS_WATCH] = {"WATCH", FLASK_REDIS_ERROR},
    [FLASK_REDIS_KEY_ERROR] = {"KEY_ERROR", FLASK_REDIS_ERROR},
    [FLASK_REDIS_ASSERTION] = {"ASSERTION", FLASK_REDIS_ERROR},
    [FLASK_REDIS_UNAVAILABLE] = {"UNAVAILABLE", FLASK_REDIS_ERROR},
    [FLASK_REDIS_NOT_INITIALISED] = {"NOT_INITIALISED", FLASK_REDIS_ERROR},
    [FLASK_REDIS_NO_MEMORY] = {"NO_MEMORY", FLASK_REDIS_ERROR},
};

static bool is_status(FlaskRedisStatus status)
{
    return (unsigned)status < sizeof(statuses) / sizeof(statuses[0]) &&
           statuses[status].name != NULL;
}

const char *flask_redis_status_name(FlaskRedisStatus status)
{
    return is_status(status) ? statuses[status].name : "UNKNOWN";
}

bool flask_redis_status_is(FlaskRedisStatus status, FlaskRedisStatus kind)
{
    while (status != kind && is_status(status) && statuses[status].kind != FLASK_REDIS_OK) {
        status = statuses[status].kind;
    }
    return status == kind;
}

/* --- the last error --------------------------------------------------------------------------- */

static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;
static bool thread_end_is_known;

static void make_thread_end(void)
{
    thread_end_is_known = pthread_key_create(&thread_end, free) == 0;
}

/* The key's destructor is free(), which outlives this library: a thread may end after dlclose(). */
__attribute__((destructor)) static void forget_thread_end(void)
{
    if (thread_end_is_known) {
        pthread_key_delete(thread_end);
        free(last.long_text);
        last.long_text = NULL;
    }
}

/* Keep a text too long for the thread's storage; false: not possible, the short one has to do. */
static bool keep_long_text(char *text)
{
    pthread_once(&thread_end_once, make_thread_end);
    if (!thread_end_is_known || pthread_setspecific(thread_end, text) != 0) {
        return false;
    }
    last.long_text = text;
    return true;
}

static void drop_long_text(void)
{
    if (last.long_text != NULL) {
        pthread_setspecific(thread_end, NULL);
        free(last.long_text);
        last.long_text = NULL;
    }
}

/* The code word of an error text: capitals, at its beginning. */
static size_t code_length(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return len < CODE_CAP && (text[len] == ' ' || text[len] == '\0') ? len : 0;
}

static void set_code(const char *text, size_t len)
{
    memcpy(last.code, text, len);
    last.code[len] = '\0';
    last.seen.code = last.code;
}

/* The arguments may point into the last error: it is replaced when the new text is complete. */
__attribute__((format(printf, 3, 0))) static FlaskRedisStatus
fail(FlaskRedisStatus status, bool maybe_executed, const char *format, va_list args)
{
    char text[TEXT_CAP];
    char *long_text = NULL;
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len >= TEXT_CAP && (long_text = malloc((size_t)len + 1)) != NULL) {
        vsnprintf(long_text, (size_t)len + 1, format, again);
    }
    va_end(again);
    drop_long_text();
    memcpy(last.text, text, sizeof(text));
    if (long_text != NULL && !keep_long_text(long_text)) {
        free(long_text);
    }
    last.seen.status = status;
    last.seen.maybe_executed = maybe_executed;
    last.seen.text = last.long_text != NULL ? last.long_text : last.text;
    return status;
}

FlaskRedisStatus flask_redis_fail(FlaskRedisStatus status, bool maybe_executed, const char *format,
                                  ...)
{
    va_list args;
    va_start(args, format);
    fail(status, maybe_executed, format, args);
    va_end(args);
    set_code("", 0);
    return status;
}

FlaskRedisStatus fr_fail_memory(void)
{
    return flask_redis_fail(FLASK_REDIS_NO_MEMORY, false, "out of memory");
}

/* Fail as before with another text; the code word stays. */
__attribute__((format(printf, 1, 2))) static FlaskRedisStatus fail_again(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(last.seen.status, last.seen.maybe_executed, format, args);
    va_end(args);
    return last.seen.status;
}

FlaskRedisStatus fr_fail_about(const char *format, ...)
{
    char about[TEXT_CAP / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(about, sizeof(about), format, args);
    va_end(args);
    return fail_again("%s: %s", about, last.seen.text);
}

FlaskRedisStatus fr_fail_because(const char *cause)
{
    return fail_again("%s (%s)", last.seen.text, cause);
}

bool fr_may_have_run(void)
{
    return last.seen.maybe_executed;
}

const FlaskRedisError *flask_redis_last_error(void)
{
    return &last.seen;
}

/* --- the server's errors ---------------------------------------------------------------------- */

/* redis-py's EXCEPTION_CLASSES, and the daemon's own words. */
static const struct {
    const char *begins;
    FlaskRedisStatus status;
    bool maybe_executed;
} meanings[] = {
    {"WRONGPASS", FLASK_REDIS_AUTH, false},
    {"NOAUTH", FLASK_REDIS_AUTH, false},
    {"ERR invalid password", FLASK_REDIS_AUTH, false},
    {"ERR AUTH <password> called without any password", FLASK_REDIS_AUTH, false},
    {"ERR Client sent AUTH, but no password is set", FLASK_REDIS_AUTH, false},
    {"ERR max number of clients reached", FLASK_REDIS_POOL_EXHAUSTED, false},
    {"LOADING", FLASK_REDIS_LOADING, false},
    {"NOSCRIPT", FLASK_REDIS_NO_SCRIPT, false},
    {"READONLY", FLASK_REDIS_READ_ONLY, false},
    {"OOM", FLASK_REDIS_OUT_OF_MEMORY, false},
    {"EXECABORT", FLASK_REDIS_EXEC_ABORT, false},
    {"NOPERM", FLASK_REDIS_NO_PERMISSION, false},
    {"CROSSSLOT", FLASK_REDIS_CROSS_SLOT, false},
    {"CLUSTERDOWN", FLASK_REDIS_CLUSTER_DOWN, false},
    {"TRYAGAIN", FLASK_REDIS_TRY_AGAIN, false},
    {"POOLDOWN", FLASK_REDIS_CONNECTION, false},
    {"POOLLOST", FLASK_REDIS_CONNECTION, true},
    {"POOLTIME", FLASK_REDIS_TIMEOUT, true},
    {"POOLWAIT", FLASK_REDIS_POOL_EXHAUSTED, false},
    {"POOLDENY", FLASK_REDIS_NO_PERMISSION, false},
    {"POOLBIG", FLASK_REDIS_DATA, false},
};

static bool text_begins(const char *text, const char *begin)
{
    size_t len = strlen(begin);
    return strncmp(text, begin, len) == 0 && (text[len] == '\0' || strchr(" .,:", text[len]));
}

FlaskRedisStatus fr_fail_reply(const redisReply *reply)
{
    FlaskRedisStatus status = FLASK_REDIS_RESPONSE;
    const char *text = reply->str != NULL ? reply->str : "";
    bool maybe = false;

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (text_begins(text, meanings[i].begins)) {
            status = meanings[i].status;
            /* of a lost transaction the daemon knows that it was not executed, and says so */
            maybe = meanings[i].maybe_executed && strstr(text, "not executed") == NULL;
            break;
        }
    }
    flask_redis_fail(status, maybe, "%s", text);
    set_code(text, code_length(text));
    return status;
}

/* --- the log ---------------------------------------------------------------------------------- */

static FlaskRedisLog *program_log;
static void *program_log_data;

void flask_redis_set_log(FlaskRedisLog *log, void *user_data)
{
    program_log_data = user_data;
    program_log = log;
}

void fr_log(const char *format, ...)
{
    char line[TEXT_CAP];
    va_list args;

    if (program_log == NULL) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    program_log(program_log_data, line);
}
