/* What the files of the admin socket share among themselves. Nobody else includes this.
 *
 *   admin.c          the socket, requests and their dispatch, what client libraries say
 *   admin_show.c     SHOW of what the main thread knows, or that is added up over prefixes
 *   admin_lists.c    SHOW CLIENTS, LANES, UPSTREAMS, SLOWLOG
 *   admin_control.c  PAUSE and its kin, KILL, RELOAD, SET
 */
#ifndef ADMIN_PARTS_H
#define ADMIN_PARTS_H

#include "common/resp.h"
#include "daemon/admin.h"
#include "daemon/rows.h"
#include "daemon/tally.h"

#define ADMIN_WORDS_MOST 64
/* Longer names and values are none of ours. */
#define ADMIN_NAME_CAP 128
#define ADMIN_LIMIT_DEFAULT 1000
#define ADMIN_LIMIT_MOST 10000

/* A whole request. */
struct admin_request {
    struct admin *admin;
    struct guest *guest;
    size_t count;
    struct fr_word words[ADMIN_WORDS_MOST];
};

typedef void admin_handler(const struct admin_request *request);

/* Answer now. Text without line end. */
void admin_answer_line(struct guest *guest, const char *line);
void admin_answer_error(struct guest *guest, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void admin_answer_rows(struct guest *guest, struct rows *rows); /* finishes them */

/* Whether a word is this text, in any case of letters. */
bool admin_word_is(const struct fr_word *word, const char *text);

/* The word as text of ADMIN_NAME_CAP bytes; a longer one is cut. Returns to. */
const char *admin_word_text(const struct fr_word *word, char *to);

/* The name of a prefix as a request gives it, in the case of the settings; NULL: there is none, and
 * the request was answered with an error. */
const char *admin_prefix_named(const struct admin_request *request, const struct fr_word *word);

/* A question to the workers and the answer that grows on the way. */
struct question {
    struct census census;
    struct admin *admin;
    struct guest *guest;
    char prefix[ADMIN_NAME_CAP]; /* "": all */
    int64_t limit;               /* rows at most */
    uint64_t after;              /* the number that rows come behind */
    struct rows rows;
    struct tallies tallies;
    struct listed *listed; /* admin_lists.c */
    size_t listed_count;
    int64_t left_out; /* rows beyond the limit */
    /* In each worker, for each pool that is asked about. */
    void (*visit)(struct question *question, struct pool *pool);
    /* In each worker, when its pools have been visited; or NULL. */
    void (*leave)(struct question *question);
    /* In the main thread: the rows are filled in. */
    void (*tell)(struct question *question);
};

/* Give up the orders that wait for another round. */
void admin_forget_orders(struct admin *admin);

/* Make a question from what stands behind its first words: [PREFIX] [LIMIT n] [AFTER id]. NULL:
 * answered with an error. */
struct question *admin_question(const struct admin_request *request, size_t at);

/* Ask it; it is answered and freed in the end. */
void admin_ask(struct question *question);

#define ADMIN_COMMAND(name, least, most, handler, usage, help) admin_handler handler;
#define ADMIN_SHOW(topic, handler, usage, help) admin_handler handler; /* HELP has two rows */
#include "daemon/admin.def"
#undef ADMIN_COMMAND
#undef ADMIN_SHOW

#endif
