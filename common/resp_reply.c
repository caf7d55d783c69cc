/* Replies: where one ends. See resp.h.
 *
 * No stack is kept: a frame ends when as many values have come as were announced, however they
 * nest. An aggregate of n elements is one value less and n values more to come; an attribute, and a
 * push that interrupts, add theirs and stand for none.
 *
 *   TYPE --line types--> LINE ----------------------> LINE_LF --> (value ends)
 *     |
 *     +--length types--> LENGTH --> LENGTH_LF --+--> (aggregate: its elements)
 *                                               +--> BULK --> BULK_CR --> BULK_LF --> (value ends)
 */
#include "common/resp.h"

#include <string.h>

#include "common/resp_number.h"

enum phase {
    TYPE,
    LINE,
    LINE_LF,
    LENGTH,
    LENGTH_LF,
    BULK,
    BULK_CR,
    BULK_LF
};

/* What the type byte says of the value behind it. */
enum kind {
    BAD,
    IS_LINE,
    IS_BULK,
    IS_LIST,
    IS_MAP,
    IS_ATTRIBUTE,
    IS_PUSH
};

static const uint8_t kinds[256] = {
    ['+'] = IS_LINE, ['-'] = IS_LINE, [':'] = IS_LINE, ['_'] = IS_LINE,      [','] = IS_LINE,
    ['#'] = IS_LINE, ['('] = IS_LINE, ['$'] = IS_BULK, ['!'] = IS_BULK,      ['='] = IS_BULK,
    ['*'] = IS_LIST, ['~'] = IS_LIST, ['%'] = IS_MAP,  ['|'] = IS_ATTRIBUTE, ['>'] = IS_PUSH,
};

/* Far beyond what any server sends; small enough that sums cannot overflow. */
#define LENGTH_MAX (UINT64_C(1) << 40)
#define VALUES_MAX (UINT64_C(1) << 50)
/* Zeros in front would be counted without end. */
#define DIGITS_MAX 20

bool fr_reply_is_open(const struct fr_reply *reply)
{
    return reply->values_left != 0;
}

bool fr_reply_is_between_values(const struct fr_reply *reply)
{
    return reply->phase == TYPE;
}

static bool begin_value(struct fr_reply *reply, char type)
{
    enum kind kind = kinds[(unsigned char)type];
    reply->type = (uint8_t)kind;
    reply->number = 0;
    reply->digits = 0;
    reply->negative = false;
    reply->phase = kind == IS_LINE ? LINE : LENGTH;
    return kind != BAD;
}

/* A length has been read: what must follow now? */
static bool begin_body(struct fr_reply *reply)
{
    uint64_t count = reply->number;
    if (reply->negative) { /* a null, which RESP2 has of bulks and arrays */
        reply->phase = TYPE;
        reply->values_left--;
        return count == 1 && (reply->type == IS_BULK || reply->type == IS_LIST);
    }
    if (reply->type == IS_BULK) {
        reply->bulk_left = count;
        reply->phase = count == 0 ? BULK_CR : BULK;
        return true;
    }
    reply->phase = TYPE;
    reply->values_left += reply->type == IS_MAP || reply->type == IS_ATTRIBUTE ? 2 * count : count;
    reply->values_left -= reply->type == IS_LIST || reply->type == IS_MAP;
    return reply->values_left <= VALUES_MAX;
}

static bool add_digit(struct fr_reply *reply, char c)
{
    unsigned digit = (unsigned char)c - (unsigned)'0';
    if (c == '-' && reply->digits == 0 && !reply->negative) {
        reply->negative = true;
        return true;
    }
    reply->number = reply->number * 10 + digit;
    reply->digits++;
    return digit <= 9 && reply->number <= LENGTH_MAX && reply->digits <= DIGITS_MAX;
}

static bool read_length(struct fr_reply *reply, const char **at, const char *end)
{
    while (*at < end) {
        char c = *(*at)++;
        if (c == '\r') {
            reply->phase = LENGTH_LF;
            return reply->digits > 0;
        }
        if (!add_digit(reply, c)) {
            return false;
        }
    }
    return true;
}

static void skip_line(struct fr_reply *reply, const char **at, const char *end)
{
    const char *cr = memchr(*at, '\r', (size_t)(end - *at));
    *at = cr == NULL ? end : cr + 1;
    if (cr != NULL) {
        reply->phase = LINE_LF;
    }
}

static void skip_bulk(struct fr_reply *reply, const char **at, const char *end)
{
    uint64_t there = (uint64_t)(end - *at);
    uint64_t step = there < reply->bulk_left ? there : reply->bulk_left;
    *at += step;
    reply->bulk_left -= step;
    if (reply->bulk_left == 0) {
        reply->phase = BULK_CR;
    }
}

/* A single byte that must be this one, and what is read behind it. */
static bool expect(struct fr_reply *reply, const char **at, char c, enum phase next)
{
    reply->phase = (uint8_t)next;
    return *(*at)++ == c;
}

/* Take one step of the machine; false when the bytes are broken. */
static bool step(struct fr_reply *reply, const char **at, const char *end)
{
    switch ((enum phase)reply->phase) {
    case TYPE:
        return begin_value(reply, *(*at)++);
    case LINE:
        skip_line(reply, at, end);
        return true;
    case LENGTH:
        return read_length(reply, at, end);
    case LENGTH_LF:
        return *(*at)++ == '\n' && begin_body(reply);
    case BULK:
        skip_bulk(reply, at, end);
        return true;
    case BULK_CR:
        return expect(reply, at, '\r', BULK_LF);
    case LINE_LF:
    case BULK_LF:
        reply->values_left--;
        return expect(reply, at, '\n', TYPE);
    }
    return false;
}

/* A push that is the whole frame stands for a value, unlike one that interrupts. */
static bool begin_frame(struct fr_reply *reply, char type)
{
    reply->values_left = 1;
    reply->head_len = 0;
    reply->is_push = type == '>';
    bool is_sound = begin_value(reply, type);
    if (reply->is_push) {
        reply->type = IS_LIST;
    }
    return is_sound;
}

/* Keep the frame's first bytes. */
static void note_head(struct fr_reply *reply, const char *data, size_t len)
{
    size_t room = FR_REPLY_HEAD - (size_t)reply->head_len;
    size_t count = len < room ? len : room;
    memcpy(reply->head + reply->head_len, data, count);
    reply->head_len = (uint8_t)(reply->head_len + count);
}

static size_t whole_line(const char *data, size_t len)
{
    const char *cr = memchr(data, '\r', len);
    return cr != NULL && cr + 1 < data + len && cr[1] == '\n' ? (size_t)(cr - data) + 2 : 0;
}

static size_t whole_bulk(const char *data, size_t len)
{
    static const char null[] = "$-1\r\n";
    int64_t bulk_len = 0;
    size_t header_len = fr_short_number(data, len, &bulk_len);
    if (header_len == 0) {
        bool is_null = len >= sizeof null - 1 && memcmp(data, null, sizeof null - 1) == 0;
        return is_null ? sizeof null - 1 : 0;
    }
    size_t whole = header_len + (size_t)bulk_len + 2;
    return whole <= len && memcmp(data + whole - 2, "\r\n", 2) == 0 ? whole : 0;
}

static size_t whole_value(const char *data, size_t len)
{
    enum kind kind = kinds[(unsigned char)data[0]];
    return kind == IS_LINE ? whole_line(data, len) : data[0] == '$' ? whole_bulk(data, len) : 0;
}

/* Elements of a list that is looked at as a whole: what is looked at in vain is little. */
#define WHOLE_LIST_MAX 16

/* A short list without lists in it. */
static size_t whole_list(const char *data, size_t len)
{
    int64_t count = 0;
    size_t at = fr_short_number(data, len, &count);
    size_t step = count <= WHOLE_LIST_MAX ? at : 0;
    for (; step > 0 && count > 0; count--) {
        step = at < len ? whole_value(data + at, len - at) : 0;
        at += step;
    }
    return step > 0 ? at : 0;
}

size_t fr_reply_whole(const char *data, size_t len)
{
    return data[0] == '*' ? whole_list(data, len) : whole_value(data, len);
}

enum fr_frame fr_reply_scan(struct fr_reply *reply, const char *data, size_t len, size_t *taken)
{
    const char *at = data;
    const char *end = data + len;
    *taken = 0;
    if (len == 0) {
        return FR_FRAME_MORE;
    }
    if (!fr_reply_is_open(reply) && (*taken = fr_reply_whole(data, len)) > 0) {
        reply->is_push = false;
        reply->head_len = 0;
        note_head(reply, data, *taken);
        return FR_FRAME_DONE;
    }
    bool is_sound = fr_reply_is_open(reply) || begin_frame(reply, *at++);
    while (at < end && is_sound && fr_reply_is_open(reply)) {
        is_sound = step(reply, &at, end);
    }
    *taken = (size_t)(at - data);
    note_head(reply, data, *taken);
    if (!is_sound) {
        return FR_FRAME_BROKEN;
    }
    return fr_reply_is_open(reply) ? FR_FRAME_MORE : FR_FRAME_DONE;
}

/* -------------------------------------------------------------------- looking into a whole reply
 */

/* Read the number of a line of this type at *at, and step over the line. */
static bool take_line(const char **at, const char *end, char type, int64_t *number)
{
    const char *line = *at;
    const char *cr = line < end ? memchr(line, '\r', (size_t)(end - line)) : NULL;
    if (cr == NULL || end - cr < 2 || line[0] != type ||
        !fr_parse_int64(line + 1, (size_t)(cr - line - 1), number)) {
        return false;
    }
    *at = cr + 2;
    return true;
}

bool fr_bulk_take(const char **at, const char *end, struct fr_word *bulk)
{
    const char *data = *at;
    int64_t len = 0;
    if (!take_line(&data, end, '$', &len) || len < 0 || end - data < 2 || len > end - data - 2) {
        return false;
    }
    *bulk = (struct fr_word){data, (size_t)len};
    *at = data + len + 2;
    return true;
}

bool fr_integer_take(const char **at, const char *end, int64_t *number)
{
    return take_line(at, end, ':', number);
}
