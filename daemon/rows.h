/* An answer of the admin socket: rows of named fields. In RESP3 an array of maps, in RESP2 an array
 * of arrays of names and values in turn.
 *
 *     rows_begin(&rows);
 *     rows_text(&rows, "prefix", "CACHE");
 *     rows_number(&rows, "clients", 12);
 *     rows_end(&rows);
 */
#ifndef ROWS_H
#define ROWS_H

#include <stdint.h>

struct evbuffer;

struct rows {
    struct evbuffer *body;
    struct evbuffer *row; /* the one being written */
    unsigned fields;      /* in it */
    unsigned count;       /* rows that are whole */
    int proto;
};

void rows_init(struct rows *rows, int proto);
void rows_finish(struct rows *rows);

void rows_begin(struct rows *rows);
void rows_end(struct rows *rows);

/* value NULL: the null of the protocol. */
void rows_text(struct rows *rows, const char *name, const char *value);
void rows_number(struct rows *rows, const char *name, int64_t value);

/* A number with three places, as in 1.250; RESP2 has it as text. */
void rows_decimal(struct rows *rows, const char *name, double value);

/* The whole answer, moved to the end of a buffer. */
void rows_deliver(struct rows *rows, struct evbuffer *to);

/* The row being written as bytes, moved to the end of a buffer instead of into the answer; and such
 * bytes as a row of the answer. */
void rows_take(struct rows *rows, struct evbuffer *to);
void rows_put(struct rows *rows, struct evbuffer *from);

/* A bulk string, alone. */
void rows_bulk(struct evbuffer *to, const char *text);

#endif
