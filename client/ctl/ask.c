/* Questions to the admin socket, in RESP2. */
#include "client/ctl/ctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define WORDS_MOST 16
#define CONNECT_S 5
/* PAUSE and DRAIN take as long as the daemon lets them. */
#define ANSWER_S 120

static bool connect_admin(struct ctl *ctl)
{
    static const struct timeval connecting = {CONNECT_S, 0};
    static const struct timeval answering = {ANSWER_S, 0};
    if (ctl->context != NULL) {
        return true;
    }
    ctl->context = redisConnectUnixWithTimeout(ctl->socket, connecting);
    if (ctl->context == NULL || ctl->context->err != 0) {
        int error = errno;
        ctl->failure = error == EACCES ? CTL_NOT_ALLOWED : CTL_NO_DAEMON;
        fprintf(stderr, "flaskredisctl: %s: %s%s\n", ctl->socket,
                ctl->context == NULL ? "no memory" : ctl->context->errstr,
                ctl->failure == CTL_NO_DAEMON ? " (does the daemon run? --socket names another)"
                                              : " (settings \"admin_users\", \"admin_groups\")");
        return false;
    }
    return redisSetTimeout(ctl->context, answering) == REDIS_OK;
}

static redisReply *judge(struct ctl *ctl, redisReply *reply)
{
    if (reply == NULL) {
        fprintf(stderr, "flaskredisctl: %s: the daemon does not answer: %s\n", ctl->socket,
                ctl->context->errstr);
        ctl->failure = CTL_NO_DAEMON;
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        return reply;
    }
    const char *text = strncmp(reply->str, "ERR ", 4) == 0 ? reply->str + 4 : reply->str;
    fprintf(stderr, "flaskredisctl: %s\n", text);
    ctl->failure = strncmp(reply->str, "NOPERM", 6) == 0 ? CTL_NOT_ALLOWED
                   : strncmp(reply->str, "BUSY", 4) == 0 ? CTL_NOT_WELL
                                                         : CTL_REFUSED;
    freeReplyObject(reply);
    return NULL;
}

redisReply *ctl_ask_words(struct ctl *ctl, int count, const char **words)
{
    return connect_admin(ctl) ? judge(ctl, redisCommandArgv(ctl->context, count, words, NULL))
                              : NULL;
}

redisReply *ctl_ask(struct ctl *ctl, ...)
{
    const char *words[WORDS_MOST];
    const char *word;
    int count = 0;
    va_list list;
    va_start(list, ctl);
    while (count < WORDS_MOST && (word = va_arg(list, const char *)) != NULL) {
        words[count++] = word;
    }
    va_end(list);
    return ctl_ask_words(ctl, count, words);
}

const char *ctl_prefix_socket(const struct ctl *ctl, const char *prefix, char *to, size_t cap)
{
    const char *slash = strrchr(ctl->socket, '/');
    int len = slash == NULL ? 0 : (int)(slash - ctl->socket) + 1;
    size_t at = (size_t)snprintf(to, cap, "%.*s", len, ctl->socket);
    for (; *prefix != '\0' && at + 1 < cap; prefix++) {
        to[at++] = (char)tolower((unsigned char)*prefix);
    }
    snprintf(to + (at < cap ? at : cap - 1), at < cap ? cap - at : 1, ".sock");
    return to;
}

const redisReply *ctl_field(const redisReply *row, const char *name)
{
    for (size_t i = 0; row->type == REDIS_REPLY_ARRAY && i + 1 < row->elements; i += 2) {
        if (row->element[i]->type == REDIS_REPLY_STRING &&
            strcmp(row->element[i]->str, name) == 0) {
            return row->element[i + 1];
        }
    }
    return NULL;
}

const char *ctl_text(const redisReply *row, const char *name)
{
    const redisReply *field = ctl_field(row, name);
    return field == NULL || field->type != REDIS_REPLY_STRING ? "" : field->str;
}

long long ctl_number(const redisReply *row, const char *name)
{
    const redisReply *field = ctl_field(row, name);
    return field == NULL || field->type != REDIS_REPLY_INTEGER ? 0 : field->integer;
}

double ctl_decimal(const redisReply *row, const char *name)
{
    return strtod(ctl_text(row, name), NULL);
}
