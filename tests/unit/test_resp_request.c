/* Requests: where they end, whatever pieces they come in, and what is no request. */
#include "common/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

#define LEN(text) (sizeof(text) - 1)
#define BYTES(text) text, LEN(text)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct fr_request_limits usual = {1024 * 1024, 512 * 1024 * 1024, false};
static const struct fr_request_limits stranger = {1024 * 1024, 512 * 1024 * 1024, true};
static const struct fr_request_limits narrow = {5, 100, false};

/* ------------------------------------------------------------------------------------- scanning */

/* Show the framer exactly these bytes: memory of their own, so that one too far is noticed. */
static enum fr_frame show(struct fr_request *request, const char *data, size_t len,
                          const struct fr_request_limits *limits)
{
    char *copy = malloc(len + (len == 0));
    EXPECT(copy != NULL);
    memcpy(copy, data, len);
    enum fr_frame frame = fr_request_scan(request, copy, len, limits);
    free(copy);
    return frame;
}

/* Show the first bytes, and then all. */
static enum fr_frame show_split(struct fr_request *request, const char *data, size_t len, size_t at,
                                const struct fr_request_limits *limits)
{
    fr_request_reset(request);
    enum fr_frame frame = show(request, data, at, limits);
    return frame == FR_FRAME_MORE ? show(request, data, len, limits) : frame;
}

/* Show one byte more each time; *shown is how many it took. */
static enum fr_frame show_bytewise(struct fr_request *request, const char *data, size_t len,
                                   const struct fr_request_limits *limits, size_t *shown)
{
    enum fr_frame frame = FR_FRAME_MORE;
    fr_request_reset(request);
    for (*shown = 0; frame == FR_FRAME_MORE && *shown < len;) {
        frame = show(request, data, ++*shown, limits);
    }
    return frame;
}

/* ------------------------------------------------------------------------------- sound requests */

struct sound_row {
    const char *frame;
    size_t len;
    uint32_t argc;
    const char *words; /* each in brackets */
    bool is_inline;
};

static const struct sound_row sound[] = {
    {BYTES("*1\r\n$4\r\nPING\r\n"), 1, "[PING]", false},
    {BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), 2, "[GET][k]", false},
    {BYTES("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n"), 3, "[SET][][\r\n]", false},
    {BYTES("*4\r\n$1\r\n*\r\n$1\r\n$\r\n$2\r\n$1\r\n$3\r\n*1\r\r\n"), 4, "[*][$][$1][*1\r]", false},
    {BYTES("*2\r\n$12\r\nabcdefghijkl\r\n$10\r\n0123456789\r\n"), 2, "[abcdefghijkl][0123456789]",
     false},
    {BYTES("*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"), 5, "[a][b][c][d][e]",
     false},
    {BYTES("*0\r\n"), 0, "", false},
    {BYTES("*-1\r\n"), 0, "", false},
    {BYTES("*-2\r\n"), 0, "", false},
    {BYTES("*-9223372036854775808\r\n"), 0, "", false},
    {BYTES("PING\r\n"), 0, NULL, true},
    {BYTES("PING\n"), 0, NULL, true},
    {BYTES("\n"), 0, NULL, true},
    {BYTES("\r\n"), 0, NULL, true},
    {BYTES("  \r\n"), 0, NULL, true},
    {BYTES("\r\r\n"), 0, NULL, true},
    {BYTES("ECHO \"*1\r$4\"\r\n"), 0, NULL, true},
    {BYTES("a\0b\r\n"), 0, NULL, true},
    {BYTES("$4\r\n"), 0, NULL, true},
    {BYTES(" *1\r\n"), 0, NULL, true},
};

/* What the next request may begin with, or not yet. */
static const struct {
    const char *bytes;
    size_t len;
} followers[] = {{BYTES("")},    {BYTES("*")},    {BYTES("*1\r\n$4\r\nPING\r\n")},
                 {BYTES("x\n")}, {BYTES("\r\n")}, {BYTES("\n")},
                 {BYTES("\0")}};

static void expect_places(const struct fr_request *request, const char *frame, const char *words)
{
    struct bytes found = {0};
    bytes_add_text(&found, "");
    for (uint32_t i = 0; i < request->argc && i < FR_REQUEST_WORDS; i++) {
        bytes_add_text(&found, "[");
        bytes_add(&found, frame + request->word_at[i], request->word_len[i]);
        bytes_add_text(&found, "]");
    }
    bool same = strncmp(found.data == NULL ? "" : found.data, words, found.len) == 0;
    bytes_finish(&found);
    EXPECT(same);
}

static void expect_sound(const struct sound_row *row, const struct fr_request *request,
                         enum fr_frame frame)
{
    EXPECT_NUMBER(frame, FR_FRAME_DONE);
    EXPECT_NUMBER(request->scanned, row->len);
    EXPECT_NUMBER(request->is_inline, row->is_inline);
    EXPECT_NUMBER(request->argc, row->argc);
    EXPECT_NUMBER(request->args_done, row->argc);
    EXPECT(request->error == NULL);
    if (!row->is_inline) {
        expect_places(request, row->frame, row->words);
    }
}

static void a_request_ends_at_the_same_byte_at_every_split(void)
{
    for (size_t i = 0; i < COUNT(sound) * COUNT(followers); i++) {
        const struct sound_row *row = &sound[i / COUNT(followers)];
        struct fr_request request;
        struct bytes all = {0};
        bytes_add(&all, row->frame, row->len);
        bytes_add(&all, followers[i % COUNT(followers)].bytes, followers[i % COUNT(followers)].len);
        for (size_t at = 0; at <= all.len; at++) {
            enum fr_frame frame = show_split(&request, all.data, all.len, at, &usual);
            expect_sound(row, &request, frame);
        }
        bytes_finish(&all);
    }
}

static void a_request_ends_with_its_last_byte_and_not_before(void)
{
    for (size_t i = 0; i < COUNT(sound); i++) {
        struct fr_request request;
        size_t shown = 0;
        enum fr_frame frame = show_bytewise(&request, sound[i].frame, sound[i].len, &usual, &shown);
        expect_sound(&sound[i], &request, frame);
        EXPECT_NUMBER(shown, sound[i].len);
    }
}

static void the_words_of_a_frame_are_walked_in_order(void)
{
    for (size_t i = 0; i < COUNT(sound); i++) {
        if (sound[i].is_inline) {
            continue;
        }
        struct fr_words words = fr_words_begin(sound[i].frame, sound[i].len);
        struct fr_word word;
        struct bytes found = {0};
        uint32_t count = 0;
        for (; fr_words_next(&words, &word); count++) {
            bytes_add_text(&found, "[");
            bytes_add(&found, word.data, word.len);
            bytes_add_text(&found, "]");
        }
        case_defer(free, found.data);
        EXPECT_NUMBER(count, sound[i].argc);
        expect_bytes(__FILE__, __LINE__, "words", found.data, found.len, sound[i].words,
                     strlen(sound[i].words));
        EXPECT(!fr_words_next(&words, &word));
    }
}

static void nothing_is_asked_for_by_no_bytes(void)
{
    struct fr_request request = {0};
    EXPECT_NUMBER(show(&request, "", 0, &usual), FR_FRAME_MORE);
    EXPECT_NUMBER(request.scanned, 0);
    EXPECT_NUMBER(show(&request, "*", 1, &usual), FR_FRAME_MORE);
    EXPECT(!request.is_inline);
}

/* ------------------------------------------------------------------------------ broken requests */

struct broken_row {
    const char *bytes;
    size_t len;
    const char *error; /* behind "Protocol error: " */
    const struct fr_request_limits *limits;
};

#define NO_COUNT "invalid multibulk length"
#define NO_LENGTH "invalid bulk length"
#define NO_END "expected CR LF behind an argument"
#define ARG "$1\r\na\r\n"

static const struct broken_row broken[] = {
    {BYTES("*\r\n"), NO_COUNT, &usual},
    {BYTES("*-\r\n"), NO_COUNT, &usual},
    {BYTES("*a\r\n"), NO_COUNT, &usual},
    {BYTES("*1a\r\n"), NO_COUNT, &usual},
    {BYTES("*+1\r\n"), NO_COUNT, &usual},
    {BYTES("*01\r\n"), NO_COUNT, &usual},
    {BYTES("*-0\r\n"), NO_COUNT, &usual},
    {BYTES("*-01\r\n"), NO_COUNT, &usual},
    {BYTES("* 1\r\n"), NO_COUNT, &usual},
    {BYTES("*1 \r\n"), NO_COUNT, &usual},
    {BYTES("*1.0\r\n"), NO_COUNT, &usual},
    {BYTES("*1\0\r\n"), NO_COUNT, &usual},
    {BYTES("*1\n$4\r\n"), NO_COUNT, &usual},
    {BYTES("*1\rX"), NO_COUNT, &usual},
    {BYTES("*1\r\r\n"), NO_COUNT, &usual},
    {BYTES("*1048577\r\n"), NO_COUNT, &usual},
    {BYTES("*2147483648\r\n"), NO_COUNT, &usual},
    {BYTES("*4294967297\r\n"), NO_COUNT, &usual},
    {BYTES("*9223372036854775807\r\n"), NO_COUNT, &usual},
    {BYTES("*9223372036854775808\r\n"), NO_COUNT, &usual},
    {BYTES("*-9223372036854775809\r\n"), NO_COUNT, &usual},
    {BYTES("*18446744073709551617\r\n"), NO_COUNT, &usual},
    {BYTES("*6\r\n"), NO_COUNT, &narrow},
    {BYTES("*11\r\n"), "unauthenticated multibulk length", &stranger},
    {BYTES("*1048577\r\n"), NO_COUNT, &stranger},
    {BYTES("*1\r\n$\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$-1\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$-0\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$04\r\nPING\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$+4\r\nPING\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$ 4\r\nPING\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$4x\r\nPING\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$4\rX"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$536870913\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$9223372036854775808\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$101\r\n"), NO_LENGTH, &narrow},
    {BYTES("*2\r\n" ARG "$-1\r\n"), NO_LENGTH, &usual},
    {BYTES("*1\r\n$16385\r\n"), "unauthenticated bulk length", &stranger},
    {BYTES("*1\r\n$536870913\r\n"), NO_LENGTH, &stranger},
    {BYTES("*1\r\nPING\r\n"), "expected '$', got 'P'", &usual},
    {BYTES("*1\r\n*1\r\n"), "expected '$', got '*'", &usual},
    {BYTES("*1\r\n:4\r\n"), "expected '$', got ':'", &usual},
    {BYTES("*1\r\n\r\n"), "expected '$', got ' '", &usual},
    {BYTES("*1\r\n\rX"), "expected '$', got ' '", &usual},
    {BYTES("*1\r\nPI\rX"), "expected '$', got 'P'", &usual},
    {BYTES("*1\r\n$4\rX"), "invalid bulk length", &usual},
    {BYTES("*1\r\n\n\r\n"), "expected '$', got ' '", &usual},
    {BYTES("*1\r\n\0\r\n"), "expected '$', got ' '", &usual},
    {BYTES("*2\r\n" ARG "4\r\nPING\r\n"), "expected '$', got '4'", &usual},
    {BYTES("*1\r\n$4\r\nPINGxx"), NO_END, &usual},
    {BYTES("*1\r\n$4\r\nPING\rx"), NO_END, &usual},
    {BYTES("*1\r\n$4\r\nPING\n\n"), NO_END, &usual},
    {BYTES("*1\r\n$4\r\nPINGS\r\n"), NO_END, &usual},
    {BYTES("*1\r\n$4\r\nPIN\r\n$"), NO_END, &usual},
    {BYTES("*1\r\n$0\r\nx\r\n"), NO_END, &usual},
};

static void expect_broken(const struct broken_row *row, const struct fr_request *request,
                          enum fr_frame frame)
{
    char expected[128], error[128];
    EXPECT_NUMBER(frame, FR_FRAME_BROKEN);
    snprintf(expected, sizeof(expected), "Protocol error: %s", row->error);
    fr_request_error(request, error, sizeof(error));
    expect_bytes(__FILE__, __LINE__, row->bytes, error, strlen(error), expected, strlen(expected));
}

static void a_broken_request_gets_redis_text_at_every_split(void)
{
    for (size_t i = 0; i < COUNT(broken); i++) {
        const struct broken_row *row = &broken[i];
        struct fr_request request;
        for (size_t at = 0; at <= row->len; at++) {
            enum fr_frame frame = show_split(&request, row->bytes, row->len, at, row->limits);
            expect_broken(row, &request, frame);
        }
        size_t shown = 0;
        enum fr_frame frame = show_bytewise(&request, row->bytes, row->len, row->limits, &shown);
        expect_broken(row, &request, frame);
    }
}

static void a_broken_request_behind_a_sound_one_does_not_change_that(void)
{
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct bytes all = {0};
        struct fr_request request = {0};
        bytes_add(&all, sound[1].frame, sound[1].len);
        bytes_add(&all, broken[i].bytes, broken[i].len);
        case_defer(free, all.data);
        expect_sound(&sound[1], &request, show(&request, all.data, all.len, &narrow));
        fr_request_reset(&request);
        expect_broken(&broken[i], &request,
                      show(&request, all.data + sound[1].len, broken[i].len, broken[i].limits));
    }
}

/* --------------------------------------------------------------------------------------- limits */

static void what_is_just_within_the_limits_is_taken(void)
{
    static const struct {
        const char *bytes;
        const struct fr_request_limits *limits;
    } rows[] = {
        {"*1048576\r\n", &usual},
        {"*5\r\n", &narrow},
        {"*10\r\n", &stranger},
        {"*1\r\n$536870912\r\n", &usual},
        {"*1\r\n$100\r\n", &narrow},
        {"*1\r\n$16384\r\n", &stranger},
        {"*10\r\n$1\r\na\r\n", &stranger},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fr_request request;
        size_t len = strlen(rows[i].bytes);
        for (size_t at = 0; at <= len; at++) {
            EXPECT_NUMBER(show_split(&request, rows[i].bytes, len, at, rows[i].limits),
                          FR_FRAME_MORE);
            EXPECT_NUMBER(request.scanned, len);
        }
    }
}

static void a_line_may_be_64_kib_long_without_an_end(void)
{
    static const struct {
        const char *before, *error;
    } rows[] = {
        {"", "Protocol error: too big inline request"},
        {"*", "Protocol error: too big mbulk count string"},
        {"*1\r\n$", "Protocol error: too big bulk count string"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fr_request request = {0};
        char error[128];
        size_t begin = i == 2 ? 4 : 0; /* the line that is too long begins here */
        size_t before = strlen(rows[i].before);
        char *data = case_alloc(begin + 65537);
        memset(data, '1', begin + 65537);
        memcpy(data, rows[i].before, before);
        EXPECT_NUMBER(show(&request, data, begin + 30000, &usual), FR_FRAME_MORE);
        EXPECT_NUMBER(show(&request, data, begin + 65536, &usual), FR_FRAME_MORE);
        EXPECT_NUMBER(show(&request, data, begin + 65537, &usual), FR_FRAME_BROKEN);
        fr_request_error(&request, error, sizeof(error));
        EXPECT(strcmp(error, rows[i].error) == 0);
    }
}

static void an_error_text_is_cut_to_the_room_there_is(void)
{
    struct fr_request request = {.error = NO_COUNT};
    char error[20];
    EXPECT(fr_request_error(&request, error, sizeof(error)) == error);
    EXPECT(strcmp(error, "Protocol error: inv") == 0);
}

/* ------------------------------------------------------------------------------------ streaming */

/* Give the framer chunks of this size and drop what it has looked at, as one does who passes it on.
 */
static void stream(const char *frame, size_t len, size_t chunk)
{
    struct fr_request request = {0};
    struct bytes window = {0};
    enum fr_frame outcome = FR_FRAME_MORE;
    size_t given = 0;
    size_t dropped = 0;
    while (outcome == FR_FRAME_MORE && given < len) {
        size_t count = len - given < chunk ? len - given : chunk;
        bytes_add(&window, frame + given, count);
        given += count;
        outcome = show(&request, window.data, window.len, &usual);
        size_t scanned = request.scanned;
        fr_request_drop(&request, scanned);
        bytes_drop(&window, scanned);
        dropped += scanned;
    }
    size_t left = window.len;
    bytes_finish(&window);
    EXPECT_NUMBER(outcome, FR_FRAME_DONE);
    EXPECT_NUMBER(dropped + left, given);
    EXPECT_NUMBER(request.args_done, request.argc);
    EXPECT_NUMBER(request.scanned, 0);
}

static void a_request_passes_in_any_chunks_when_its_beginning_is_dropped(void)
{
    for (size_t i = 0; i < COUNT(sound); i++) {
        for (size_t chunk = 1; chunk <= sound[i].len; chunk++) {
            stream(sound[i].frame, sound[i].len, chunk);
        }
    }
}

static void dropping_a_part_of_what_was_scanned_keeps_the_rest(void)
{
    const char *data = sound[2].frame;
    for (size_t first = 1; first < sound[2].len; first++) {
        struct fr_request request = {0};
        EXPECT_NUMBER(show(&request, data, first, &usual), FR_FRAME_MORE);
        size_t scanned = request.scanned;
        for (size_t count = 0; count <= scanned; count++) {
            struct fr_request other = request;
            fr_request_drop(&other, count);
            EXPECT_NUMBER(show(&other, data + count, sound[2].len - count, &usual), FR_FRAME_DONE);
            EXPECT_NUMBER(other.scanned, sound[2].len - count);
            EXPECT_NUMBER(other.args_done, 3);
        }
    }
}

static void a_large_argument_streams_without_being_kept(void)
{
    struct fr_request request = {0};
    const size_t chunk = 65536;
    char *data = case_alloc(chunk);
    const char header[] = "*1\r\n$6553600\r\n";
    EXPECT_NUMBER(show(&request, header, LEN(header), &usual), FR_FRAME_MORE);
    fr_request_drop(&request, request.scanned);
    for (int i = 0; i < 100; i++) {
        EXPECT_NUMBER(show(&request, data, chunk, &usual), FR_FRAME_MORE);
        EXPECT_NUMBER(request.scanned, chunk);
        fr_request_drop(&request, chunk);
    }
    EXPECT_NUMBER(show(&request, "\r\n", 2, &usual), FR_FRAME_DONE);
    EXPECT_NUMBER(request.scanned, 2);
}

/* -------------------------------------------------------------------------------------- numbers */

static void numbers_are_read_as_redis_reads_them(void)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_number;
        int64_t value;
    } rows[] = {
        {BYTES("0"), true, 0},
        {BYTES("1"), true, 1},
        {BYTES("-1"), true, -1},
        {BYTES("10"), true, 10},
        {BYTES("9223372036854775807"), true, INT64_MAX},
        {BYTES("9223372036854775808"), false, 0},
        {BYTES("-9223372036854775807"), true, -INT64_MAX},
        {BYTES("-9223372036854775808"), true, INT64_MIN},
        {BYTES("-9223372036854775809"), false, 0},
        {BYTES("18446744073709551615"), false, 0},
        {BYTES("18446744073709551616"), false, 0},
        {BYTES("99999999999999999999"), false, 0},
        {BYTES("100000000000000000000"), false, 0},
        {BYTES(""), false, 0},
        {BYTES("-"), false, 0},
        {BYTES("-0"), false, 0},
        {BYTES("00"), false, 0},
        {BYTES("01"), false, 0},
        {BYTES("-01"), false, 0},
        {BYTES("+1"), false, 0},
        {BYTES("--1"), false, 0},
        {BYTES(" 1"), false, 0},
        {BYTES("1 "), false, 0},
        {BYTES("1\0"), false, 0},
        {BYTES("1.0"), false, 0},
        {BYTES("1e3"), false, 0},
        {BYTES("0x1"), false, 0},
        {BYTES("/"), false, 0},
        {BYTES(":"), false, 0},
        {BYTES("\xff"), false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t value = 0;
        if (fr_parse_int64(rows[i].text, rows[i].len, &value) != rows[i].is_number) {
            FAIL("'%s' was %staken", rows[i].text, rows[i].is_number ? "not " : "");
        }
        if (rows[i].is_number) {
            EXPECT_NUMBER(value, rows[i].value);
        }
    }
}

static const struct test_case cases[] = {
    {"a request ends at the same byte at every split",
     a_request_ends_at_the_same_byte_at_every_split},
    {"a request ends with its last byte and not before",
     a_request_ends_with_its_last_byte_and_not_before},
    {"the words of a frame are walked in order", the_words_of_a_frame_are_walked_in_order},
    {"nothing is asked for by no bytes", nothing_is_asked_for_by_no_bytes},
    {"a broken request gets Redis' text at every split",
     a_broken_request_gets_redis_text_at_every_split},
    {"a broken request behind a sound one does not change that",
     a_broken_request_behind_a_sound_one_does_not_change_that},
    {"what is just within the limits is taken", what_is_just_within_the_limits_is_taken},
    {"a line may be 64 KiB long without an end", a_line_may_be_64_kib_long_without_an_end},
    {"an error text is cut to the room there is", an_error_text_is_cut_to_the_room_there_is},
    {"a request passes in any chunks when its beginning is dropped",
     a_request_passes_in_any_chunks_when_its_beginning_is_dropped},
    {"dropping a part of what was scanned keeps the rest",
     dropping_a_part_of_what_was_scanned_keeps_the_rest},
    {"a large argument streams without being kept", a_large_argument_streams_without_being_kept},
    {"numbers are read as Redis reads them", numbers_are_read_as_redis_reads_them},
};

SUITE_MAIN("resp_request", cases)
