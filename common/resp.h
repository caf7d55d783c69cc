/* RESP framing in both directions: where a request or a reply ends, and nothing more.
 *
 * Both framers are incremental: they are shown the bytes that are there, remember how far they
 * came, and never look at a byte twice. Nothing is allocated, whatever length a peer announces.
 * There are three outcomes, which never share a value: more bytes are needed, a frame is complete,
 * or the peer's bytes are broken.
 *
 * Requests are read as Redis reads them (networking.c, processInlineBuffer and
 * processMultibulkBuffer, 7.0), with two deviations on purpose: line ends must be CR LF, also the
 * one behind a bulk, which Redis skips without looking; and a NUL in an inline line is a byte like
 * others, where Redis waits for ever for an end that it does not find behind it. Two parsers in a
 * row must agree on every frame.
 */
#ifndef FR_RESP_H
#define FR_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fr_frame {
    FR_FRAME_MORE,
    FR_FRAME_DONE,
    FR_FRAME_BROKEN
};

/* ------------------------------------------------------------------ requests, client to server */

/* Words of a request whose place is remembered: enough for a command, its subcommand and one
 * argument. */
#define FR_REQUEST_WORDS 3

/* Limits of a request; when unauthenticated, Redis' smaller ones apply too. */
struct fr_request_limits {
    int64_t args_max;
    int64_t bulk_max;
    bool unauthenticated;
};

/* The state between two looks at one request. All zero: before its first byte. */
struct fr_request {
    uint8_t phase;       /* private */
    bool is_inline;      /* the frame is an inline line, without its line end */
    uint32_t argc;       /* words announced; valid once the header is read */
    uint32_t args_done;  /* words that are completely there */
    uint64_t bulk_left;  /* private: bytes of the current word still to come */
    size_t scanned;      /* bytes of the frame looked at so far; the frame's length when done */
    size_t line_scanned; /* private: bytes of the current line without a line end */
    size_t word_at[FR_REQUEST_WORDS]; /* where word i begins, counted from the frame's first byte */
    size_t word_len[FR_REQUEST_WORDS]; /* its length */
    const char
        *error; /* broken: the text behind "Protocol error: ", or NULL when got is to be shown */
    char got;   /* broken without error: what stood where '$' was expected */
};

/* Look at the request that begins at data, of which len bytes are there. DONE: scanned is its
 * length; argc is 0 for an empty line or array, which asks for nothing. After DONE or BROKEN,
 * fr_request_reset begins the next one. The caller shows the same bytes again with more behind
 * them, unless it dropped some with fr_request_drop. */
enum fr_frame fr_request_scan(struct fr_request *request, const char *data, size_t len,
                              const struct fr_request_limits *limits);

void fr_request_reset(struct fr_request *request);

/* Whether bytes of the next request have been looked at. */
bool fr_request_is_begun(const struct fr_request *request);

/* Take the usual request: a small one that is there from end to end. True: argc, args_done, scanned
 * and the places of words are filled in, whatever was in them before. False: it is another one, or
 * not whole, or broken, which fr_request_scan finds out; only places of words may have changed. */
bool fr_request_take(struct fr_request *request, const char *data, size_t len,
                     const struct fr_request_limits *limits);

/* The caller forgets the first count bytes of the frame (at most scanned): the next scan is shown
 * what follows them. The places of words are lost. */
void fr_request_drop(struct fr_request *request, size_t count);

/* Write the whole text of a broken request, "Protocol error: …"; returns to. */
const char *fr_request_error(const struct fr_request *request, char *to, size_t cap);

/* Walks over the words of one complete array frame. */
struct fr_words {
    const char *at;
    const char *end;
};

struct fr_word {
    const char *data;
    size_t len;
};

/* Begin with the frame's first word. The frame must have been found DONE and not be inline. */
struct fr_words fr_words_begin(const char *frame, size_t len);

/* Take the next word; false when there is none. */
bool fr_words_next(struct fr_words *words, struct fr_word *word);

/* Split an inline line as Redis does (sds.c, sdssplitargs) and write it as an array frame to out,
 * which must hold FR_INLINE_CAP(len) bytes. Returns the frame's length, 0 for a line without
 * words, or -1 for unbalanced quotes. */
#define FR_INLINE_CAP(len) (40 + (len)*7)
long fr_inline_to_array(const char *line, size_t len, char *out);

/* ------------------------------------------------------------------- replies, server to client */

#define FR_REPLY_HEAD 64

/* The state between two looks at a stream of replies. All zero: before a reply. */
struct fr_reply {
    uint64_t values_left; /* private: values still to come until the frame ends */
    uint64_t bulk_left;   /* private */
    uint64_t number;      /* private: length being read */
    uint8_t phase;        /* private */
    uint8_t type;         /* private: type byte of the value being read */
    uint8_t digits;       /* private */
    bool negative;        /* private */
    bool is_push;         /* the frame is a push (RESP3 '>') */
    uint8_t head_len;     /* bytes in head: the frame's first ones, FR_REPLY_HEAD at most */
    char head[FR_REPLY_HEAD];
};

/* Look at the next len bytes of the stream and take those of the current frame: *taken says how
 * many. DONE: the frame ended with them, and head and is_push describe it until the next scan.
 * MORE: all were taken. An attribute belongs to the value behind it; a push inside an aggregate is
 * not an element of it. */
enum fr_frame fr_reply_scan(struct fr_reply *reply, const char *data, size_t len, size_t *taken);

/* The length of the usual reply at the beginning of len bytes, one at least, outside of a frame: a
 * single value or a short list of such, there from end to end, and no push. 0: it is another one,
 * or not whole, or broken, which fr_reply_scan finds out. */
size_t fr_reply_whole(const char *data, size_t len);

/* Whether a frame has begun and not ended. */
bool fr_reply_is_open(const struct fr_reply *reply);

/* Whether what comes next is the first byte of a value, of this frame or another. */
bool fr_reply_is_between_values(const struct fr_reply *reply);

/* Take one bulk string that lies at *at whole, before end, and step over it. False: there is
 * something else, and *at stays. For looking into a complete reply. */
bool fr_bulk_take(const char **at, const char *end, struct fr_word *bulk);

/* The same for an integer, which in RESP is ":NUMBER". */
bool fr_integer_take(const char **at, const char *end, int64_t *number);

/* Whether a complete reply's first bytes are these (a literal). */
#define FR_REPLY_BEGINS(reply, text)                                                               \
    ((reply)->head_len >= sizeof(text) - 1 && memcmp((reply)->head, text, sizeof(text) - 1) == 0)

/* ------------------------------------------------------------------------------------- numbers */

/* Read a whole decimal number as Redis does (util.c, string2ll): no sign but '-', no leading zero,
 * no blank, within 64 bits. */
bool fr_parse_int64(const char *text, size_t len, int64_t *value);

#endif
