/* The requests one upstream owes replies to, in order, and their bytes.
 *
 *   slots:   [ sent, reply owed ......... | not completely written ........ ]
 *              first                        first + sent               first + count
 *   bytes:           (drained when sent)  [ rest of a half-written | whole requests ]
 *                                         begin      written                     end
 *
 * Positions count the bytes of the connection's life and only grow. A request is sent when its last
 * byte has been written. The bytes of a half-written request are kept, so that it can be sent again
 * on another connection: the server drops what is incomplete. With retain, bytes are kept until the
 * reply has come, for requests that may be repeated. Without, the bytes of a request that is still
 * arriving are forgotten as they are written, so one that came in parts cannot be sent again, also
 * when all of it has arrived meanwhile: who rewinds the queue drops it.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/command.h"
#include "common/resp.h"

struct evbuffer;
struct slot;

/* Part of a reply, or several whole ones in a row. */
struct reply_part {
    const struct slot *slot;      /* of the first reply */
    const struct fr_reply *frame; /* head of the reply; only of a single one */
    unsigned count;               /* replies that end with this part */
    const char *data;
    size_t len;
    bool is_first; /* the part begins a reply */
    bool is_last;  /* the part ends it */
};

/* Who is given a reply. Embedded in what waits for it. */
struct reply_sink {
    const struct reply_sink_ops *ops;
    uint64_t client; /* id, for the slow log; 0: none */
    uint64_t barred; /* the upstream's: number of the loss in which a later request of it failed */
};

struct reply_sink_ops {
    /* Bytes of the replies to slots of this sink have come. */
    void (*on_reply)(struct reply_sink *sink, const struct reply_part *part);
    /* There will be no reply; error is the line to give instead, "-WORD text\r\n". is_cut: a part
     * of the reply was given already. */
    void (*on_failure)(struct reply_sink *sink, const struct slot *slot, const char *error,
                       bool is_cut);
};

enum slot_flag {
    SLOT_ALONE = 1,     /* its sink wants to see each reply apart */
    SLOT_UNLIMITED = 2, /* may take any time: "command_ms" does not apply */
    SLOT_OPEN = 4,      /* the request is still arriving */
    SLOT_JOINED = 32,   /* stands or falls with the one before it */
    SLOT_RETRIED = 16,  /* is being sent for the second time */
    SLOT_DROPPED = 8,   /* will not be sent again */
    SLOT_CLOSES = 64,   /* its reply must say that no transaction is open any more */
};

struct slot {
    struct reply_sink *sink;
    const struct fr_command *command; /* NULL: unknown */
    uint64_t end;                     /* position behind its last byte */
    uint32_t since_ms;                /* low bits of the time it was queued */
    uint32_t since_us;                /* the same, for measuring */
    uint32_t sent_us;                 /* and of the time its last byte was written */
    uint8_t flags;                    /* enum slot_flag */
    uint8_t tag;                      /* the sink's own */
};

/* Whole requests in a row that are queued in one piece. */
struct request_run {
    const char *data;
    size_t len;
    uint32_t count;
    struct request_part {
        uint32_t len;
        uint8_t flags; /* enum slot_flag: SLOT_JOINED, SLOT_CLOSES */
        const struct fr_command *command;
    } * parts;
};

struct requests {
    struct slot *slots;
    uint32_t cap; /* a power of two */
    uint32_t first;
    uint32_t count;
    uint32_t sent;
    bool retain;
    bool is_open; /* the last slot's request is still arriving */
    struct evbuffer *bytes;
    uint64_t begin, written, end;
};

void requests_init(struct requests *requests, bool retain);
void requests_finish(struct requests *requests);

/* Add a request: a whole one, or with SLOT_OPEN the beginning of one. */
void requests_add(struct requests *requests, const struct slot *slot, const char *data, size_t len);

/* Add the requests of a run, one at least: a slot for each, which are like this one but for the
 * command, the flags of their part and where they end. */
void requests_add_run(struct requests *requests, const struct slot *like,
                      const struct request_run *run);

/* More bytes of the request added last, whose slot has SLOT_OPEN; is_last closes it, now. */
void requests_append(struct requests *requests, const char *data, size_t len, bool is_last,
                     uint32_t now_us);

/* Slot number i, counted from the oldest. */
static inline struct slot *requests_slot(const struct requests *requests, uint32_t i)
{
    return &requests->slots[(requests->first + i) & (requests->cap - 1)];
}

/* Bytes not yet written. */
size_t requests_unwritten(const struct requests *requests);

/* So many more bytes have been written, now. */
void requests_note_written(struct requests *requests, size_t count, uint32_t now_us);

/* The oldest slots, one or more, have their replies. */
void requests_pop(struct requests *requests, uint32_t count);

/* The connection is gone: drop the slots that have SLOT_DROPPED, with their bytes; the others will
 * be written from their beginning on the next connection. Of what was sent, only a queue that
 * retains has the bytes. */
void requests_rewind(struct requests *requests);

#endif
