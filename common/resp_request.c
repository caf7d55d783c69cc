/* Requests: arrays of bulks and inline lines. See resp.h.
 *
 *   START --'*'--> (line) --> COUNT --argc--> LENGTH --> BULK --> BULK_END --+--> DONE
 *     |                                         ^                            |
 *     +--other--> INLINE --'\n'--> DONE         +--------- next word --------+
 */
#include "common/resp.h"

#include <stdio.h>
#include <string.h>

#include "common/resp_number.h"

enum phase {
    START,
    INLINE,
    COUNT,
    LENGTH,
    BULK,
    BULK_END
};

/* Redis' PROTO_INLINE_MAX_SIZE: the longest line, of any kind, without a line end. */
#define LINE_MAX_LEN (64 * 1024)
/* Redis' limits before authentication. */
#define UNAUTHENTICATED_ARGS 10
#define UNAUTHENTICATED_BULK 16384

bool fr_parse_int64(const char *text, size_t len, int64_t *value)
{
    bool negative = len > 0 && text[0] == '-';
    size_t at = negative;
    uint64_t number = 0;
    if (at == len || len > 20) {
        return false;
    }
    if (text[at] == '0') {
        *value = 0;
        return len == 1;
    }
    for (; at < len; at++) {
        unsigned digit = (unsigned char)text[at] - (unsigned)'0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (number > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

void fr_request_reset(struct fr_request *request)
{
    memset(request, 0, sizeof *request);
}

bool fr_request_is_begun(const struct fr_request *request)
{
    return request->phase != START;
}

void fr_request_drop(struct fr_request *request, size_t count)
{
    request->scanned -= count;
}

static enum fr_frame broken(struct fr_request *request, const char *error)
{
    request->error = error;
    return FR_FRAME_BROKEN;
}

/* Find the end of the line that begins at scanned. DONE: *line_len is its length without CR LF. */
static enum fr_frame scan_line(struct fr_request *request, const char *data, size_t len,
                               const char *too_long, const char *bad_end, size_t *line_len)
{
    const char *line = data + request->scanned;
    size_t there = len - request->scanned;
    const char *cr = memchr(line + request->line_scanned, '\r', there - request->line_scanned);
    if (cr == NULL) {
        request->line_scanned = there;
        return there > LINE_MAX_LEN ? broken(request, too_long) : FR_FRAME_MORE;
    }
    *line_len = (size_t)(cr - line);
    request->line_scanned = *line_len;
    if (*line_len + 1 == there) {
        return FR_FRAME_MORE;
    }
    return cr[1] == '\n' ? FR_FRAME_DONE : broken(request, bad_end);
}

/* Step over a line of this length and its CR LF. */
static void take_line(struct fr_request *request, size_t line_len)
{
    request->scanned += line_len + 2;
    request->line_scanned = 0;
}

static enum fr_frame scan_inline(struct fr_request *request, const char *data, size_t len)
{
    size_t there = len - request->scanned;
    const char *line = data + request->scanned;
    const char *lf = memchr(line + request->line_scanned, '\n', there - request->line_scanned);
    if (lf == NULL) {
        request->line_scanned = there;
        return there > LINE_MAX_LEN ? broken(request, "too big inline request") : FR_FRAME_MORE;
    }
    request->scanned += (size_t)(lf - line) + 1;
    return FR_FRAME_DONE;
}

static enum fr_frame scan_count(struct fr_request *request, const char *data, size_t len,
                                const struct fr_request_limits *limits)
{
    size_t line_len = 0;
    int64_t count = 0;
    enum fr_frame outcome = scan_line(request, data, len, "too big mbulk count string",
                                      "invalid multibulk length", &line_len);
    if (outcome != FR_FRAME_DONE) {
        return outcome;
    }
    if (!fr_parse_int64(data + request->scanned + 1, line_len - 1, &count) ||
        count > limits->args_max) {
        return broken(request, "invalid multibulk length");
    }
    if (limits->unauthenticated && count > UNAUTHENTICATED_ARGS) {
        return broken(request, "unauthenticated multibulk length");
    }
    take_line(request, line_len);
    request->argc = count > 0 ? (uint32_t)count : 0;
    request->phase = LENGTH;
    return request->argc == 0 ? FR_FRAME_DONE : FR_FRAME_MORE;
}

static enum fr_frame scan_length(struct fr_request *request, const char *data, size_t len,
                                 const struct fr_request_limits *limits)
{
    size_t line_len = 0;
    int64_t bulk_len = 0;
    static const char bad_end[] = "invalid bulk length";
    const char *line = data + request->scanned;
    enum fr_frame outcome =
        scan_line(request, data, len, "too big bulk count string", bad_end, &line_len);
    bool is_ended = outcome == FR_FRAME_DONE || request->error == bad_end;
    if (is_ended && line[0] != '$') { /* which is looked at before the line's end */
        request->got = line[0];
        return broken(request, NULL);
    }
    if (outcome != FR_FRAME_DONE) {
        return outcome;
    }
    if (!fr_parse_int64(line + 1, line_len - 1, &bulk_len) || bulk_len < 0 ||
        bulk_len > limits->bulk_max) {
        return broken(request, "invalid bulk length");
    }
    if (limits->unauthenticated && bulk_len > UNAUTHENTICATED_BULK) {
        return broken(request, "unauthenticated bulk length");
    }
    take_line(request, line_len);
    if (request->args_done < FR_REQUEST_WORDS) {
        request->word_at[request->args_done] = request->scanned;
        request->word_len[request->args_done] = (size_t)bulk_len;
    }
    request->bulk_left = (uint64_t)bulk_len;
    request->phase = BULK;
    return FR_FRAME_DONE;
}

static enum fr_frame scan_bulk(struct fr_request *request, const char *data, size_t len)
{
    size_t there = len - request->scanned;
    if (there < request->bulk_left) {
        request->bulk_left -= there;
        request->scanned = len;
        return FR_FRAME_MORE;
    }
    request->scanned += (size_t)request->bulk_left;
    there -= (size_t)request->bulk_left;
    request->bulk_left = 0;
    request->phase = BULK_END;
    if (there < 2) {
        return FR_FRAME_MORE;
    }
    const char *end = data + request->scanned;
    if (end[0] != '\r' || end[1] != '\n') {
        return broken(request, "expected CR LF behind an argument");
    }
    request->scanned += 2;
    request->args_done++;
    request->phase = LENGTH;
    return FR_FRAME_DONE;
}

static enum fr_frame scan_words(struct fr_request *request, const char *data, size_t len,
                                const struct fr_request_limits *limits)
{
    while (request->args_done < request->argc) {
        if (request->phase == LENGTH) {
            enum fr_frame outcome = scan_length(request, data, len, limits);
            if (outcome != FR_FRAME_DONE) {
                return outcome;
            }
        }
        enum fr_frame outcome = scan_bulk(request, data, len);
        if (outcome != FR_FRAME_DONE) {
            return outcome;
        }
    }
    return FR_FRAME_DONE;
}

bool fr_request_take(struct fr_request *request, const char *data, size_t len,
                     const struct fr_request_limits *limits)
{
    int64_t count = 0;
    size_t at = len > 0 && data[0] == '*' ? fr_short_number(data, len, &count) : 0;
    if (at == 0 || count == 0 || count > limits->args_max || limits->unauthenticated) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t bulk_len = 0;
        size_t header_len =
            at < len && data[at] == '$' ? fr_short_number(data + at, len - at, &bulk_len) : 0;
        size_t begin = at + header_len;
        size_t end = begin + (size_t)bulk_len;
        if (header_len == 0 || bulk_len > limits->bulk_max || len < end + 2 ||
            memcmp(data + end, "\r\n", 2) != 0) {
            return false;
        }
        if (i < FR_REQUEST_WORDS) {
            request->word_at[i] = begin;
            request->word_len[i] = (size_t)bulk_len;
        }
        at = end + 2;
    }
    request->argc = request->args_done = (uint32_t)count;
    request->scanned = at;
    return true;
}

enum fr_frame fr_request_scan(struct fr_request *request, const char *data, size_t len,
                              const struct fr_request_limits *limits)
{
    if (request->phase == START) {
        if (len == 0) {
            return FR_FRAME_MORE;
        }
        if (fr_request_take(request, data, len, limits)) {
            request->phase = LENGTH;
            return FR_FRAME_DONE;
        }
        request->is_inline = data[0] != '*';
        request->phase = request->is_inline ? INLINE : COUNT;
    }
    if (request->phase == INLINE) {
        return scan_inline(request, data, len);
    }
    if (request->phase == COUNT) {
        enum fr_frame outcome = scan_count(request, data, len, limits);
        if (outcome != FR_FRAME_MORE || request->phase == COUNT) {
            return outcome;
        }
    }
    return scan_words(request, data, len, limits);
}

const char *fr_request_error(const struct fr_request *request, char *to, size_t cap)
{
    if (request->error != NULL) {
        snprintf(to, cap, "Protocol error: %s", request->error);
    } else {
        bool is_shown = request->got != '\r' && request->got != '\n' && request->got != '\0';
        char got = is_shown ? request->got : ' ';
        snprintf(to, cap, "Protocol error: expected '$', got '%c'", got);
    }
    return to;
}

/* --------------------------------------------------------------------------------------- words */

struct fr_words fr_words_begin(const char *frame, size_t len)
{
    const char *lf = memchr(frame, '\n', len);
    return (struct fr_words){lf + 1, frame + len};
}

bool fr_words_next(struct fr_words *words, struct fr_word *word)
{
    if (words->at >= words->end) {
        return false;
    }
    size_t len = 0;
    const char *at = words->at + 1;
    for (; *at != '\r'; at++) {
        len = len * 10 + (size_t)(*at - '0');
    }
    word->data = at + 2;
    word->len = len;
    words->at = word->data + len + 2;
    return true;
}

/* -------------------------------------------------------------------------------- inline lines */

/* What stands between words, and may stand behind a closing quote. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Vertical tabs and form feeds are blanks, but do not end a word. */
static bool ends_word(char c)
{
    return is_blank(c) && c != '\v' && c != '\f';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character inside double quotes, at line[*at]; steps over it. */
static char unescape(const char *line, size_t len, size_t *at)
{
    static const char escapes[] = "n\nr\rt\tb\ba\a";
    const char *c = line + *at;
    size_t left = len - *at;
    if (c[0] != '\\' || left < 2) {
        *at += 1;
        return c[0];
    }
    if (c[1] == 'x' && left >= 4 && hex_value(c[2]) >= 0 && hex_value(c[3]) >= 0) {
        *at += 4;
        return (char)(hex_value(c[2]) * 16 + hex_value(c[3]));
    }
    *at += 2;
    for (const char *e = escapes; *e != '\0'; e += 2) {
        if (*e == c[1]) {
            return e[1];
        }
    }
    return c[1];
}

/* Read the quoted part that begins behind the quote at line[*at - 1]; false when it does not end,
 * or does not end a word. */
static bool read_quoted(const char *line, size_t len, size_t *at, char quote, char **out)
{
    while (*at < len && line[*at] != quote) {
        if (quote == '"') {
            *(*out)++ = unescape(line, len, at);
        } else {
            *at += line[*at] == '\\' && *at + 1 < len && line[*at + 1] == '\'';
            *(*out)++ = line[(*at)++];
        }
    }
    if (*at >= len) {
        return false;
    }
    *at += 1;
    return *at >= len || is_blank(line[*at]);
}

/* Read one word at line[*at] to out; returns its length or -1. */
static long read_word(const char *line, size_t len, size_t *at, char *out)
{
    char *to = out;
    while (*at < len && !ends_word(line[*at])) {
        char c = line[(*at)++];
        if (c == '"' || c == '\'') { /* a closing quote ends the word, too */
            return read_quoted(line, len, at, c, &to) ? to - out : -1;
        }
        *to++ = c;
    }
    return to - out;
}

/* Read the words one behind the other, each with its bulk header. Returns their total length or -1.
 */
static long write_words(const char *line, size_t len, char *out, unsigned *count)
{
    char *to = out;
    size_t at = 0;
    for (;;) {
        while (at < len && is_blank(line[at])) {
            at++;
        }
        if (at == len) {
            return to - out;
        }
        /* the word is read behind the room its header can take, then moved up to it */
        char header[24];
        long word_len = read_word(line, len, &at, to + sizeof header);
        if (word_len < 0) {
            return -1;
        }
        int header_len = snprintf(header, sizeof header, "$%ld\r\n", word_len);
        memmove(to + header_len, to + sizeof header, (size_t)word_len);
        memcpy(to, header, (size_t)header_len);
        to += header_len + word_len;
        memcpy(to, "\r\n", 2);
        to += 2;
        *count += 1;
    }
}

long fr_inline_to_array(const char *line, size_t len, char *out)
{
    unsigned count = 0;
    char header[16];
    long words_len = write_words(line, len, out + sizeof header, &count);
    if (words_len <= 0) {
        return words_len;
    }
    int header_len = snprintf(header, sizeof header, "*%u\r\n", count);
    memmove(out + header_len, out + sizeof header, (size_t)words_len);
    memcpy(out, header, (size_t)header_len);
    return header_len + words_len;
}
