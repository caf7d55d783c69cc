/* The output of a session: replies in RESP2 or RESP3 as Redis 7.0 writes them. */
#ifndef FR_MOCK_REPLY_H
#define FR_MOCK_REPLY_H

#include "common/mock/heap.h"

struct out {
    struct heap *heap;
    char *data;
    size_t begin, end, cap;
    size_t max;   /* beyond it nothing is kept and has_overflown is set */
    int protocol; /* 2 or 3 */
    bool is_off;  /* nothing is kept */
    bool has_overflown;
    uint64_t errors; /* how many error replies were written */
};

void frm_out_init(struct out *out, struct heap *heap);
void frm_out_finish(struct out *out);
void frm_out_raw(struct out *out, const char *data, size_t len);

void frm_ok(struct out *out);
void frm_status(struct out *out, const char *text);

/* Write "-text"; a text without a code word of its own begins with "ERR ". Line ends become blanks.
 */
void frm_error(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void frm_error_syntax(struct out *out);
void frm_int(struct out *out, int64_t number);
void frm_bulk(struct out *out, const char *data, size_t len);
void frm_bulk_text(struct out *out, const char *text);
void frm_bulk_str(struct out *out, const struct str *str);
void frm_bulk_int(struct out *out, int64_t number);
void frm_null(struct out *out);
void frm_null_array(struct out *out);
void frm_array(struct out *out, int64_t count);

/* A map of count pairs; a flat array in RESP2. */
void frm_map(struct out *out, int64_t count);
void frm_set(struct out *out, int64_t count);
void frm_push(struct out *out, int64_t count);
void frm_double(struct out *out, double number);
void frm_verbatim(struct out *out, const char *text, size_t len);

/* An aggregate whose count is known later: the mark is where its header goes. */
size_t frm_later(const struct out *out);
void frm_later_raw(struct out *out, size_t mark, const char *data, size_t len);
void frm_later_array(struct out *out, size_t mark, int64_t count);
void frm_later_map(struct out *out, size_t mark, int64_t count);
void frm_later_set(struct out *out, size_t mark, int64_t count);

#endif
