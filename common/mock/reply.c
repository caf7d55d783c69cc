/* Replies; reply.h says what they are. A header that is known late is put in front of what was
 * written meanwhile. */
#include "common/mock/reply.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LEAST_CAP = 256,
    HEADER_CAP = 32,
    ERROR_CAP = 1024
};

void frm_out_init(struct out *out, struct heap *heap)
{
    *out = (struct out){.heap = heap, .protocol = 2};
}

void frm_out_finish(struct out *out)
{
    frm_free(out->data);
    out->data = NULL;
    out->begin = out->end = out->cap = 0;
}

/* Have room for len more bytes: what was read makes place first. */
static bool make_room(struct out *out, size_t len)
{
    size_t pending = out->end - out->begin;
    if (out->is_off || out->has_overflown) {
        return false;
    }
    if (out->max != 0 && (len > out->max || pending > out->max - len)) {
        out->has_overflown = true;
        return false;
    }
    if (out->begin > 0 && out->cap - out->end < len) {
        memmove(out->data, out->data + out->begin, pending);
        out->begin = 0;
        out->end = pending;
    }
    if (out->cap - out->end < len) {
        size_t cap = out->cap ? out->cap : LEAST_CAP;
        while (cap - out->end < len) {
            cap *= 2;
        }
        out->data = out->data ? frm_realloc(out->data, cap) : frm_alloc(out->heap, cap);
        out->cap = cap;
    }
    return true;
}

void frm_out_raw(struct out *out, const char *data, size_t len)
{
    if (len > 0 && make_room(out, len)) {
        memcpy(out->data + out->end, data, len);
        out->end += len;
    }
}

static size_t header(char *to, char type, int64_t number)
{
    char digits[24];
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    size_t len = 0;
    to[len++] = type;
    if (number < 0) {
        to[len++] = '-';
    }
    memcpy(to + len, digits + at, sizeof(digits) - at);
    len += sizeof(digits) - at;
    to[len++] = '\r';
    to[len++] = '\n';
    return len;
}

static void add_header(struct out *out, char type, int64_t number)
{
    if (make_room(out, HEADER_CAP)) {
        out->end += header(out->data + out->end, type, number);
    }
}

void frm_ok(struct out *out)
{
    frm_out_raw(out, "+OK\r\n", 5);
}

void frm_status(struct out *out, const char *text)
{
    frm_out_raw(out, "+", 1);
    frm_out_raw(out, text, strlen(text));
    frm_out_raw(out, "\r\n", 2);
}

void frm_error(struct out *out, const char *format, ...)
{
    char text[ERROR_CAP];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len >= (int)sizeof(text)) {
        len = (int)sizeof(text) - 1;
    }
    for (char *at = text; at < text + len; at++) {
        if (*at == '\r' || *at == '\n') {
            *at = ' ';
        }
    }
    out->errors++;
    frm_out_raw(out, "-", 1);
    frm_out_raw(out, text, (size_t)(len > 0 ? len : 0));
    frm_out_raw(out, "\r\n", 2);
}

void frm_error_syntax(struct out *out)
{
    frm_error(out, "ERR syntax error");
}

void frm_int(struct out *out, int64_t number)
{
    add_header(out, ':', number);
}

void frm_bulk(struct out *out, const char *data, size_t len)
{
    if (!make_room(out, HEADER_CAP + len + 2)) {
        return;
    }
    out->end += header(out->data + out->end, '$', (int64_t)len);
    if (len > 0) {
        memcpy(out->data + out->end, data, len);
    }
    memcpy(out->data + out->end + len, "\r\n", 2);
    out->end += len + 2;
}

void frm_bulk_text(struct out *out, const char *text)
{
    frm_bulk(out, text, strlen(text));
}

void frm_bulk_str(struct out *out, const struct str *str)
{
    frm_bulk(out, str->data, str->len);
}

void frm_bulk_int(struct out *out, int64_t number)
{
    char text[HEADER_CAP];
    size_t len = header(text, '$', number);
    frm_bulk(out, text + 1, len - 3);
}

void frm_null(struct out *out)
{
    frm_out_raw(out, out->protocol == 3 ? "_\r\n" : "$-1\r\n", out->protocol == 3 ? 3 : 5);
}

void frm_null_array(struct out *out)
{
    frm_out_raw(out, out->protocol == 3 ? "_\r\n" : "*-1\r\n", out->protocol == 3 ? 3 : 5);
}

/* The header of an aggregate: RESP2 has arrays only. */
struct aggregate {
    char type;
    int64_t count;
};

static struct aggregate map_of(const struct out *out, int64_t count)
{
    return out->protocol == 3 ? (struct aggregate){'%', count} : (struct aggregate){'*', 2 * count};
}

static struct aggregate set_of(const struct out *out, int64_t count)
{
    return (struct aggregate){out->protocol == 3 ? '~' : '*', count};
}

void frm_array(struct out *out, int64_t count)
{
    add_header(out, '*', count);
}

void frm_map(struct out *out, int64_t count)
{
    struct aggregate map = map_of(out, count);
    add_header(out, map.type, map.count);
}

void frm_set(struct out *out, int64_t count)
{
    struct aggregate set = set_of(out, count);
    add_header(out, set.type, set.count);
}

void frm_push(struct out *out, int64_t count)
{
    add_header(out, out->protocol == 3 ? '>' : '*', count);
}

void frm_double(struct out *out, double number)
{
    char text[64];
    if (isinf(number)) {
        snprintf(text, sizeof(text), "%s", number > 0 ? "inf" : "-inf");
    } else {
        snprintf(text, sizeof(text), "%.17g", number);
    }
    if (out->protocol == 2) {
        frm_bulk_text(out, text);
        return;
    }
    frm_out_raw(out, ",", 1);
    frm_out_raw(out, text, strlen(text));
    frm_out_raw(out, "\r\n", 2);
}

void frm_verbatim(struct out *out, const char *text, size_t len)
{
    if (out->protocol == 2) {
        frm_bulk(out, text, len);
        return;
    }
    add_header(out, '=', (int64_t)len + 4);
    frm_out_raw(out, "txt:", 4);
    frm_out_raw(out, text, len);
    frm_out_raw(out, "\r\n", 2);
}

/* Counted from the first byte not yet read, which moves. */
size_t frm_later(const struct out *out)
{
    return out->end - out->begin;
}

void frm_later_raw(struct out *out, size_t mark, const char *data, size_t len)
{
    if (make_room(out, len)) {
        char *at = out->data + out->begin + mark;
        memmove(at + len, at, out->end - out->begin - mark);
        memcpy(at, data, len);
        out->end += len;
    }
}

static void insert_header(struct out *out, size_t mark, struct aggregate what)
{
    char text[HEADER_CAP];
    frm_later_raw(out, mark, text, header(text, what.type, what.count));
}

void frm_later_array(struct out *out, size_t mark, int64_t count)
{
    insert_header(out, mark, (struct aggregate){'*', count});
}

void frm_later_map(struct out *out, size_t mark, int64_t count)
{
    insert_header(out, mark, map_of(out, count));
}

void frm_later_set(struct out *out, size_t mark, int64_t count)
{
    insert_header(out, mark, set_of(out, count));
}
