/* Any bytes as a stream of replies: the same frames in whatever pieces they come, and those a
 * reader with a stack finds. The first byte of the input chooses the pieces. */
#include "common/resp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* -------------------------------------------------------------------- a reader that calls itself
 */

struct reader {
    const char *at;
    const char *end;
    int depth;
};

#define DEPTH_MAX 200

/* Read a whole line behind its type; false when it is not there. */
static bool read_line(struct reader *reader, const char **line, size_t *len)
{
    const char *cr = memchr(reader->at, '\r', (size_t)(reader->end - reader->at));
    if (cr == NULL || reader->end - cr < 2 || cr[1] != '\n') {
        return false;
    }
    *line = reader->at;
    *len = (size_t)(cr - reader->at);
    reader->at = cr + 2;
    return true;
}

static bool read_values(struct reader *reader, int64_t count);

static bool read_bulk(struct reader *reader, int64_t len)
{
    if (len > reader->end - reader->at - 2) {
        return false;
    }
    reader->at += len + 2;
    return memcmp(reader->at - 2, "\r\n", 2) == 0;
}

/* Read one value of this type, with what stands before it and is none. False also when it is longer
 * than the input, or nests deeper than this reader cares for. */
static bool read_value(struct reader *reader)
{
    const char *line = NULL;
    size_t len = 0;
    int64_t count = 0;
    if (reader->at == reader->end) {
        return false;
    }
    char type = *reader->at++;
    if (memchr("+-:_,#(", type, 7) != NULL) {
        return read_line(reader, &line, &len);
    }
    if (memchr("$!=*~%|>", type, 8) == NULL || !read_line(reader, &line, &len) ||
        !fr_parse_int64(line, len, &count) || count > 1000000) {
        return false;
    }
    if (count < 0) {
        return count == -1 && memchr("$!=*~", type, 5) != NULL;
    }
    if (memchr("$!=", type, 3) != NULL) {
        return read_bulk(reader, count);
    }
    if (!read_values(reader, type == '%' || type == '|' ? 2 * count : count)) {
        return false;
    }
    return type == '|' || type == '>' ? read_values(reader, 1) : true;
}

static bool read_values(struct reader *reader, int64_t count)
{
    bool is_whole = ++reader->depth < DEPTH_MAX;
    for (; is_whole && count > 0; count--) {
        is_whole = read_value(reader);
    }
    reader->depth--;
    return is_whole;
}

/* A push that is the whole frame is followed by nothing that belongs to it. */
static bool read_frame(struct reader *reader)
{
    const char *line = NULL;
    size_t len = 0;
    int64_t count = 0;
    if (reader->at == reader->end || *reader->at != '>') {
        return read_value(reader);
    }
    reader->at++;
    return read_line(reader, &line, &len) && fr_parse_int64(line, len, &count) && count >= 0 &&
           count <= 1000000 && read_values(reader, count);
}

/* ------------------------------------------------------------------------------- the comparison */

/* Exactly these bytes in memory of their own, so that one too far is noticed. */
static enum fr_frame show(struct fr_reply *reply, const char *data, size_t len, size_t *taken)
{
    char *copy = malloc(len + (len == 0));
    check(copy != NULL);
    memcpy(copy, data, len);
    enum fr_frame frame = fr_reply_scan(reply, copy, len, taken);
    free(copy);
    check(*taken <= len && (frame != FR_FRAME_MORE || *taken == len));
    return frame;
}

static enum fr_frame show_pieces(struct fr_reply *reply, const char *data, size_t len,
                                 uint32_t seed, size_t *taken)
{
    enum fr_frame frame = FR_FRAME_MORE;
    *taken = 0;
    while (frame == FR_FRAME_MORE && *taken < len) {
        seed = seed * 1664525U + 1013904223U;
        size_t piece = 1 + (seed >> 24) % 24;
        size_t left = len - *taken;
        size_t part = 0;
        check(fr_reply_is_open(reply) == (*taken > 0));
        frame = show(reply, data + *taken, piece < left ? piece : left, &part);
        *taken += part;
    }
    return frame;
}

static enum fr_frame check_one(const char *data, size_t len, uint32_t seed, size_t *frame_len)
{
    struct fr_reply whole = {0};
    struct fr_reply pieces = {0};
    size_t taken = 0;
    enum fr_frame frame = show(&whole, data, len, frame_len);
    check(show_pieces(&pieces, data, len, seed, &taken) == frame && taken == *frame_len);
    check(whole.head_len == pieces.head_len && whole.is_push == pieces.is_push);
    check(memcmp(whole.head, pieces.head, whole.head_len) == 0);
    struct reader reader = {data, data + len, 0};
    if (read_frame(&reader)) {
        check(frame == FR_FRAME_DONE && reader.at == data + *frame_len);
    }
    return frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint32_t seed = data[0];
    const char *text = (const char *)data + 1;
    size_t left = size - 1;
    size_t frame_len = 0;
    while (check_one(text, left, seed++, &frame_len) == FR_FRAME_DONE) {
        text += frame_len;
        left -= frame_len;
    }
    return 0;
}
