/* Inline lines: the words Redis would find in them, as an array. */
#include "common/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/inline_model.h"

#define BYTES(text) text, sizeof(text) - 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Split a line in memory of exactly its length, into exactly the room that is promised to do. The
 * caller frees *frame. */
static long split(const char *line, size_t len, char **frame)
{
    char *copy = malloc(len + (len == 0));
    *frame = malloc(FR_INLINE_CAP(len));
    EXPECT(copy != NULL && *frame != NULL);
    memcpy(copy, line, len);
    long frame_len = fr_inline_to_array(copy, len, *frame);
    free(copy);
    return frame_len;
}

#define NO_WORDS "", 0
#define UNBALANCED NULL, 0

static const struct {
    const char *line;
    size_t len;
    const char *frame; /* NULL: unbalanced quotes */
    size_t frame_len;
} rows[] = {
    {BYTES("PING"), BYTES("*1\r\n$4\r\nPING\r\n")},
    {BYTES("a"), BYTES("*1\r\n$1\r\na\r\n")},
    {BYTES("GET k"), BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")},
    {BYTES("  GET \t k \r"), BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")},
    {BYTES("a\rb\nc\td"), BYTES("*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n")},
    {BYTES(""), NO_WORDS},
    {BYTES(" \t\r\n\v\f"), NO_WORDS},
    {BYTES("\""), UNBALANCED},
    {BYTES("'"), UNBALANCED},
    {BYTES("\"\""), BYTES("*1\r\n$0\r\n\r\n")},
    {BYTES("''"), BYTES("*1\r\n$0\r\n\r\n")},
    {BYTES("'' \"\""), BYTES("*2\r\n$0\r\n\r\n$0\r\n\r\n")},
    {BYTES("\"a b\""), BYTES("*1\r\n$3\r\na b\r\n")},
    {BYTES("'a b'"), BYTES("*1\r\n$3\r\na b\r\n")},
    {BYTES("a\"b c\""), BYTES("*1\r\n$4\r\nab c\r\n")},
    {BYTES("a''"), BYTES("*1\r\n$1\r\na\r\n")},
    {BYTES("a'' b"), BYTES("*2\r\n$1\r\na\r\n$1\r\nb\r\n")},
    {BYTES("\"a\"b"), UNBALANCED},
    {BYTES("'a'b"), UNBALANCED},
    {BYTES("\"a\"'b'"), UNBALANCED},
    {BYTES("\"a\"\vb"), BYTES("*2\r\n$1\r\na\r\n$1\r\nb\r\n")},
    {BYTES("a\vb"), BYTES("*1\r\n$3\r\na\vb\r\n")},
    {BYTES("\va\fb\f c"), BYTES("*2\r\n$4\r\na\fb\f\r\n$1\r\nc\r\n")},
    {BYTES("\"\\x41\\x4a\\x4A\\xfF\\x00\""), BYTES("*1\r\n$5\r\nAJJ\xff\0\r\n")},
    {BYTES("\"\\x4\""), BYTES("*1\r\n$2\r\nx4\r\n")},
    {BYTES("\"\\xg1\\x1g\""), BYTES("*1\r\n$6\r\nxg1x1g\r\n")},
    {BYTES("\"\\x4"), UNBALANCED},
    {BYTES("\"\\n\\r\\t\\b\\a\\q\\\\\\\"\""), BYTES("*1\r\n$8\r\n\n\r\t\b\aq\\\"\r\n")},
    {BYTES("\"a\\"), UNBALANCED},
    {BYTES("\"a\\\""), UNBALANCED},
    {BYTES("'a\\"), UNBALANCED},
    {BYTES("'a\\'"), UNBALANCED},
    {BYTES("'a\\'b\\n\\ '"), BYTES("*1\r\n$7\r\na'b\\n\\ \r\n")},
    {BYTES("'a\\\\'"), UNBALANCED},
    {BYTES("a\\nb\\x41"), BYTES("*1\r\n$8\r\na\\nb\\x41\r\n")},
    {BYTES("\"it's\""), BYTES("*1\r\n$4\r\nit's\r\n")},
    {BYTES("'say \"x\"'"), BYTES("*1\r\n$7\r\nsay \"x\"\r\n")},
    {BYTES("a\0b 'c\0'"), BYTES("*2\r\n$3\r\na\0b\r\n$2\r\nc\0\r\n")},
    {BYTES("a b \"c"), UNBALANCED},
};

static void lines_are_split_as_redis_splits_them(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *frame = NULL;
        long len = split(rows[i].line, rows[i].len, &frame);
        case_defer(free, frame);
        EXPECT_NUMBER(len, rows[i].frame == NULL ? -1 : (long)rows[i].frame_len);
        if (len > 0) {
            expect_bytes(__FILE__, __LINE__, rows[i].line, frame, (size_t)len, rows[i].frame,
                         rows[i].frame_len);
        }
    }
}

/* The frame must be what the model says: a header and its words. */
static bool agrees(const char *line, size_t len)
{
    static struct inline_model model;
    char header[24];
    char *frame = NULL;
    long frame_len = split(line, len, &frame);
    bool is_sound = model_split(line, len, &model);
    size_t header_len = (size_t)snprintf(header, sizeof(header), "*%u\r\n", model.count);
    bool same = !is_sound          ? frame_len == -1
                : model.count == 0 ? frame_len == 0
                                   : frame_len == (long)(header_len + model.len) &&
                                         memcmp(frame, header, header_len) == 0 &&
                                         memcmp(frame + header_len, model.words, model.len) == 0;
    free(frame);
    return same;
}

static void every_short_line_is_split_as_redis_splits_it(void)
{
    static const char letters[] = "a \"'\\x4\v\r";
    enum {
        LETTERS = sizeof(letters) - 1,
        LONGEST = 5
    };
    char line[LONGEST];
    size_t lines = 1;
    for (size_t len = 0; len <= LONGEST; len++, lines *= LETTERS) {
        for (size_t number = 0; number < lines; number++) {
            size_t rest = number;
            for (size_t i = 0; i < len; i++, rest /= LETTERS) {
                line[i] = letters[rest % LETTERS];
            }
            if (!agrees(line, len)) {
                FAIL("line '%.*s' is split otherwise", (int)len, line);
            }
        }
    }
}

static void any_byte_may_stand_in_a_word(void)
{
    for (int c = 0; c < 256; c++) {
        const char bare[] = {'a', (char)c, 'b'};
        const char quoted[] = {'"', (char)c, '"'};
        const char escaped[] = {'"', '\\', (char)c, '"', ' ', '\'', (char)c, '\''};
        EXPECT(agrees(bare, sizeof(bare)));
        EXPECT(agrees(quoted, sizeof(quoted)));
        EXPECT(agrees(escaped, sizeof(escaped)));
    }
}

static void the_promised_room_does_for_the_most_words_a_line_can_have(void)
{
    static char line[65536];
    const struct fr_request_limits limits = {INT32_MAX, INT32_MAX, false};
    for (size_t i = 0; i < sizeof(line); i++) {
        line[i] = i % 2 == 0 ? 'w' : ' ';
    }
    for (size_t len = 1; len <= sizeof(line); len = len < 100 ? len + 1 : len * 2) {
        struct fr_request request = {0};
        char *frame = NULL;
        long frame_len = split(line, len, &frame);
        case_defer(free, frame);
        EXPECT_NUMBER(fr_request_scan(&request, frame, (size_t)frame_len, &limits), FR_FRAME_DONE);
        EXPECT_NUMBER(request.scanned, frame_len);
        EXPECT_NUMBER(request.argc, (len + 1) / 2);
    }
}

static const struct test_case cases[] = {
    {"lines are split as Redis splits them", lines_are_split_as_redis_splits_them},
    {"every short line is split as Redis splits it", every_short_line_is_split_as_redis_splits_it},
    {"any byte may stand in a word", any_byte_may_stand_in_a_word},
    {"the promised room does for the most words a line can have",
     the_promised_room_does_for_the_most_words_a_line_can_have},
};

SUITE_MAIN("resp_inline", cases)
