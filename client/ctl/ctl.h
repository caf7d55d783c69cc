/* flaskredisctl: what its files share.
 *
 *   main.c      command line, table of commands
 *   ask.c       the admin socket: questions, answers, their fields
 *   table.c     rows as a table for people or as JSON for programs
 *   top.c       top
 *   status.c    status          measure.c   ping, bench         config.c    config
 *   lists.c     clients, show, slowlog        order.c    reload, pause, kill, ...
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <hiredis/hiredis.h>

/* Exit codes; flaskredisctl(1) has them. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_NOT_WELL = 1,    /* it was done, and the outcome is bad: a server is down, a check fails,
                            something is not finished in time */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_NO_DAEMON = 3,   /* nobody answers on the socket */
    CTL_NOT_ALLOWED = 4, /* this user may not */
    CTL_REFUSED = 5      /* the daemon answered with an error */
};

struct ctl {
    const char *socket; /* path of the admin socket */
    bool is_json;
    bool is_colored;
    const char *name; /* of the command */
    int count;        /* words of the command behind its name */
    char *const *words;
    redisContext *context; /* connected when first asked */
    int failure;           /* enum ctl_exit of what went wrong, which has been said */
};

typedef int ctl_handler(struct ctl *ctl);

#define CTL_COMMAND(name, least, most, handler, usage, help) ctl_handler handler;
#include "client/ctl/ctl.def"
#undef CTL_COMMAND

/* ---- ask.c ---- */

/* Ask with words, up to a NULL. The answer is the caller's to free; NULL: it failed, was said so,
 * and ctl->failure is the exit code. */
redisReply *ctl_ask(struct ctl *ctl, ...) __attribute__((sentinel));

/* The same with an array of count words. */
redisReply *ctl_ask_words(struct ctl *ctl, int count, const char **words);

/* The socket of a prefix beside the admin socket. Returns to. */
const char *ctl_prefix_socket(const struct ctl *ctl, const char *prefix, char *to, size_t cap);

/* The field of a row; NULL: it has none of the name. */
const redisReply *ctl_field(const redisReply *row, const char *name);
const char *ctl_text(const redisReply *row, const char *name);
long long ctl_number(const redisReply *row, const char *name);
double ctl_decimal(const redisReply *row, const char *name);

/* ---- table.c ---- */

/* Print rows, a column for each field of the first; columns is a NULL-terminated choice of fields,
 * or NULL: all. */
void ctl_print_table(const struct ctl *ctl, const redisReply *rows, const char *const *columns);

/* The same as a JSON array of objects, without a line end. */
void ctl_print_json(const redisReply *rows);
void ctl_print_json_row(const redisReply *row);
void ctl_print_json_text(const char *text, size_t len);

/* "12.3 MiB", "4 d 3 h". Return to. */
const char *ctl_bytes(long long bytes, char *to, size_t cap);
const char *ctl_duration(long long seconds, char *to, size_t cap);

/* Print a word in a color of the terminal, if there are colors. */
enum ctl_color {
    CTL_PLAIN,
    CTL_GREEN,
    CTL_YELLOW,
    CTL_RED,
    CTL_BOLD,
    CTL_DIM
};
void ctl_print(const struct ctl *ctl, enum ctl_color color, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- status.c ---- */

/* The color of a prefix' state. */
enum ctl_color ctl_color_of_state(const char *state);

#endif
