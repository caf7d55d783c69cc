/* reload, pause, resume, disable, enable, drain, reconnect, kill, set: passed on as they are. */
#include "client/ctl/ctl.h"

#include <string.h>
#include <strings.h>

#define WORDS_MOST 6

/* The lines of a reload are what has changed. */
static void print_lines(const struct ctl *ctl, const redisReply *reply)
{
    fputs(ctl->is_json ? "[" : "", stdout);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *line = reply->element[i];
        if (ctl->is_json) {
            fputs(i == 0 ? "" : ", ", stdout);
            ctl_print_json_text(line->str, line->len);
        } else {
            printf("%s\n", line->str);
        }
    }
    if (ctl->is_json) {
        puts("]");
    } else if (reply->elements == 0) {
        puts("nothing has changed");
    }
}

static void print_answer(const struct ctl *ctl, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY) {
        print_lines(ctl, reply);
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        printf(strcasecmp(ctl->name, "kill") == 0 ? "%lld ended\n" : "%lld replaced\n",
               reply->integer);
    }
}

int ctl_order(struct ctl *ctl)
{
    const char *words[WORDS_MOST] = {ctl->name};
    int count = 1;
    bool has_timeout = ctl->count == 2 && strcmp(ctl->name, "set") != 0;
    for (int i = 0; i < ctl->count; i++) {
        if (i == 1 && has_timeout) {
            words[count++] = "TIMEOUT";
        }
        words[count++] = ctl->words[i];
    }
    redisReply *reply = ctl_ask_words(ctl, count, words);
    if (reply == NULL) {
        return ctl->failure;
    }
    print_answer(ctl, reply);
    freeReplyObject(reply);
    return CTL_OK;
}
