/* clients, show: lists of the admin socket. */
#include "client/ctl/ctl.h"

#include <string.h>
#include <strings.h>

static int print_rows(struct ctl *ctl, redisReply *rows, const char *const *columns)
{
    if (rows == NULL) {
        return ctl->failure;
    }
    if (rows->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(rows);
        return CTL_REFUSED;
    }
    if (ctl->is_json) {
        ctl_print_json(rows);
        putchar('\n');
    } else {
        ctl_print_table(ctl, rows, columns);
    }
    freeReplyObject(rows);
    return CTL_OK;
}

/* The last row of a list that was cut says where it goes on; it is taken off. 0: that was all. */
static long long cut_note(redisReply *rows)
{
    redisReply *last = rows->elements == 0 ? NULL : rows->element[rows->elements - 1];
    if (last == NULL || ctl_field(last, "note") == NULL) {
        return 0;
    }
    long long after = ctl_number(last, "after");
    rows->elements--;
    freeReplyObject(last);
    return after;
}

/* Ask for one page of the clients and print it as JSON lines go on from the one before. */
static long long print_page(struct ctl *ctl, redisReply *rows, bool is_first,
                            const char *const *columns)
{
    long long after = cut_note(rows);
    if (!ctl->is_json) {
        ctl_print_table(ctl, rows, columns);
        return after;
    }
    for (size_t i = 0; i < rows->elements; i++) {
        fputs(is_first && i == 0 ? "\n  " : ",\n  ", stdout);
        ctl_print_json_row(rows->element[i]);
    }
    return after;
}

int ctl_clients(struct ctl *ctl)
{
    static const char *const columns[] = {
        "id",         "prefix",  "pid",   "uid",    "name",        "db",           "state",
        "connection", "command", "age_s", "idle_s", "outstanding", "unread_bytes", NULL};
    char from[32] = "0";
    long long after = 0;
    bool is_first = true;
    fputs(ctl->is_json ? "[" : "", stdout);
    do {
        redisReply *rows =
            ctl->count > 0 ? ctl_ask(ctl, "SHOW", "CLIENTS", ctl->words[0], "LIMIT", "1000",
                                     "AFTER", from, NULL)
                           : ctl_ask(ctl, "SHOW", "CLIENTS", "LIMIT", "1000", "AFTER", from, NULL);
        if (rows == NULL) {
            return ctl->failure;
        }
        after = print_page(ctl, rows, is_first, columns);
        is_first = false;
        snprintf(from, sizeof from, "%lld", after);
        freeReplyObject(rows);
    } while (after != 0);
    fputs(ctl->is_json ? "\n]\n" : "", stdout);
    return CTL_OK;
}

/* HELP comes as lines, not as rows. */
static int show_help(struct ctl *ctl)
{
    redisReply *lines = ctl_ask(ctl, "HELP", NULL);
    if (lines == NULL) {
        return ctl->failure;
    }
    for (size_t i = 0; i < lines->elements; i++) {
        puts(lines->element[i]->str == NULL ? "" : lines->element[i]->str);
    }
    freeReplyObject(lines);
    return CTL_OK;
}

int ctl_show(struct ctl *ctl)
{
    if (strcasecmp(ctl->words[0], "help") == 0) {
        return show_help(ctl);
    }
    return print_rows(ctl,
                      ctl->count > 1 ? ctl_ask(ctl, "SHOW", ctl->words[0], ctl->words[1], NULL)
                                     : ctl_ask(ctl, "SHOW", ctl->words[0], NULL),
                      NULL);
}

int ctl_slowlog(struct ctl *ctl)
{
    bool clears = ctl->count > 0 && strcasecmp(ctl->words[0], "reset") == 0;
    redisReply *rows = ctl->count == 0 ? ctl_ask(ctl, "SLOWLOG", NULL)
                       : clears        ? ctl_ask(ctl, "SLOWLOG", "RESET", NULL)
                                       : ctl_ask(ctl, "SLOWLOG", ctl->words[0], NULL);
    return print_rows(ctl, rows, NULL);
}
