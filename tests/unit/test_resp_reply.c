/* Replies: where they end, whatever pieces they come in, and what is no reply. */
#include "common/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

#define BYTES(text) text, sizeof(text) - 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
    const char *bytes;
    size_t len;
};

/* One frame each. */
static const struct row sound[] = {
    {BYTES("+OK\r\n")},
    {BYTES("+\r\n")},
    {BYTES("+a\nb\r\n")},
    {BYTES("-ERR unknown command 'x'\r\n")},
    {BYTES(":1\r\n")},
    {BYTES(":-9223372036854775808\r\n")},
    {BYTES("$0\r\n\r\n")},
    {BYTES("$1\r\na\r\n")},
    {BYTES("$4\r\n\r\n\r\n\r\n")},
    {BYTES("$11\r\n$1\r\na\r\n*9\r\n\r\n")},
    {BYTES("$-1\r\n")},
    {BYTES("*-1\r\n")},
    {BYTES("*0\r\n")},
    {BYTES("*1\r\n*0\r\n")},
    {BYTES("*3\r\n:1\r\n$-1\r\n*-1\r\n")},
    {BYTES("*2\r\n*2\r\n+a\r\n*1\r\n*-1\r\n$1\r\nb\r\n")},
    {BYTES("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n$2\r\nhi\r\n")},
    {BYTES("*2\r\n-ERR in EXEC\r\n+OK\r\n")},
    {BYTES("*4\r\n$2\r\nab\r\n$-1\r\n:1\r\n_\r\n")},
    {BYTES("*17\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n"
           "_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n_\r\n")},
    {BYTES("_\r\n")},
    {BYTES("#t\r\n")},
    {BYTES("#f\r\n")},
    {BYTES(",3.14\r\n")},
    {BYTES(",-inf\r\n")},
    {BYTES(",nan\r\n")},
    {BYTES("(3492890328409238509324850943850943825024385\r\n")},
    {BYTES("!21\r\nSYNTAX invalid syntax\r\n")},
    {BYTES("=15\r\ntxt:Some string\r\n")},
    {BYTES("=4\r\ntxt:\r\n")},
    {BYTES("~0\r\n")},
    {BYTES("~2\r\n+a\r\n#t\r\n")},
    {BYTES("%0\r\n")},
    {BYTES("%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n_\r\n%1\r\n+c\r\n,1\r\n")},
    {BYTES("*2\r\n%1\r\n~1\r\n+k\r\n%0\r\n~0\r\n")},
    /* an attribute belongs to the value behind it */
    {BYTES("|0\r\n+OK\r\n")},
    {BYTES("|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n:2\r\n")},
    {BYTES("|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n$-1\r\n")},
    {BYTES("*2\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n")},
    {BYTES("%1\r\n|1\r\n+x\r\n+y\r\n+key\r\n|0\r\n+value\r\n")},
    {BYTES("|1\r\n+a\r\n%1\r\n+b\r\n+c\r\n|1\r\n+d\r\n+e\r\n_\r\n")},
    /* pushes: of their own, and between the elements of an aggregate */
    {BYTES(">0\r\n")},
    {BYTES(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")},
    {BYTES(">2\r\n+invalidate\r\n_\r\n")},
    {BYTES(">3\r\n+message\r\n+c\r\n*2\r\n+nested\r\n%0\r\n")},
    {BYTES("*2\r\n+a\r\n>2\r\n+x\r\n+y\r\n+b\r\n")},
    {BYTES("*2\r\n>1\r\n+x\r\n>0\r\n+a\r\n*1\r\n>1\r\n*2\r\n:1\r\n:2\r\n+b\r\n")},
    {BYTES("*1\r\n>1\r\n>1\r\n+y\r\n+x\r\n+a\r\n")},
    {BYTES("|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n+OK\r\n")},
    {BYTES("%1\r\n+k\r\n>1\r\n+x\r\n+v\r\n")},
};

/* ------------------------------------------------------------------------------------- scanning */

/* Show the framer exactly these bytes: memory of their own, so that one too far is noticed. */
static enum fr_frame show(struct fr_reply *reply, const char *data, size_t len, size_t *taken)
{
    char *copy = malloc(len + (len == 0));
    EXPECT(copy != NULL);
    memcpy(copy, data, len);
    enum fr_frame frame = fr_reply_scan(reply, copy, len, taken);
    free(copy);
    return frame;
}

/* Show pieces that end at these places until a frame ends or breaks; *taken adds up. Each piece but
 * the last must be taken whole. */
static enum fr_frame show_pieces(struct fr_reply *reply, const char *data, const size_t *ends,
                                 size_t count, size_t *taken)
{
    enum fr_frame frame = FR_FRAME_MORE;
    *taken = 0;
    for (size_t i = 0; i < count && frame == FR_FRAME_MORE; i++) {
        size_t piece = 0;
        EXPECT_NUMBER(fr_reply_is_open(reply), *taken > 0);
        frame = show(reply, data + *taken, ends[i] - *taken, &piece);
        *taken += piece;
        EXPECT(frame != FR_FRAME_MORE || *taken == ends[i]);
    }
    return frame;
}

static void expect_frame(const struct row *row, const struct fr_reply *reply, enum fr_frame frame,
                         size_t taken)
{
    size_t head_len = row->len < FR_REPLY_HEAD ? row->len : FR_REPLY_HEAD;
    if (frame != FR_FRAME_DONE) {
        FAIL("no whole frame (outcome %d) in %s", (int)frame, row->bytes);
    }
    EXPECT_NUMBER(taken, row->len);
    EXPECT(!fr_reply_is_open(reply));
    EXPECT_NUMBER(reply->is_push, row->bytes[0] == '>');
    expect_bytes(__FILE__, __LINE__, "head", reply->head, reply->head_len, row->bytes, head_len);
}

static void a_reply_ends_at_the_same_byte_at_every_two_splits(void)
{
    static const char next[] = "+NEXT\r\n";
    for (size_t i = 0; i < COUNT(sound); i++) {
        struct bytes all = {0};
        bytes_add(&all, sound[i].bytes, sound[i].len);
        bytes_add(&all, next, sizeof(next) - 1);
        case_defer(free, all.data);
        for (size_t first = 0; first <= sound[i].len; first++) {
            for (size_t second = first; second <= all.len; second++) {
                const size_t ends[] = {first, second, all.len};
                struct fr_reply reply = {0};
                size_t taken = 0;
                enum fr_frame frame = show_pieces(&reply, all.data, ends, 3, &taken);
                expect_frame(&sound[i], &reply, frame, taken);
            }
        }
    }
}

static void a_reply_ends_with_its_last_byte_and_not_before(void)
{
    for (size_t i = 0; i < COUNT(sound); i++) {
        struct fr_reply reply = {0};
        enum fr_frame frame = FR_FRAME_MORE;
        for (size_t at = 0; at < sound[i].len; at++) {
            size_t taken = 0;
            EXPECT_NUMBER(frame, FR_FRAME_MORE);
            frame = show(&reply, sound[i].bytes + at, 1, &taken);
            EXPECT_NUMBER(taken, 1);
        }
        expect_frame(&sound[i], &reply, frame, sound[i].len);
    }
}

static void no_bytes_change_nothing(void)
{
    struct fr_reply reply = {0};
    size_t taken = 1;
    EXPECT_NUMBER(show(&reply, "", 0, &taken), FR_FRAME_MORE);
    EXPECT_NUMBER(taken, 0);
    EXPECT(!fr_reply_is_open(&reply));
    EXPECT_NUMBER(show(&reply, "+", 1, &taken), FR_FRAME_MORE);
    EXPECT_NUMBER(show(&reply, "", 0, &taken), FR_FRAME_MORE);
    EXPECT_NUMBER(taken, 0);
    EXPECT(fr_reply_is_open(&reply));
}

/* Read a stream of every sound frame in chunks of this size. */
static void read_stream(const struct bytes *all, size_t chunk)
{
    struct fr_reply reply = {0};
    size_t row = 0;
    size_t frame_len = 0;
    for (size_t at = 0; at < all->len;) {
        size_t left_of_chunk = chunk - at % chunk;
        size_t there = all->len - at < left_of_chunk ? all->len - at : left_of_chunk;
        size_t taken = 0;
        enum fr_frame frame = show(&reply, all->data + at, there, &taken);
        at += taken;
        frame_len += taken;
        if (frame == FR_FRAME_MORE) {
            EXPECT_NUMBER(taken, there);
            continue;
        }
        expect_frame(&sound[row++], &reply, frame, frame_len);
        frame_len = 0;
    }
    EXPECT_NUMBER(row, COUNT(sound));
}

static void a_stream_of_replies_falls_into_the_same_frames_in_any_chunks(void)
{
    struct bytes all = {0};
    for (size_t i = 0; i < COUNT(sound); i++) {
        bytes_add(&all, sound[i].bytes, sound[i].len);
    }
    case_defer(free, all.data);
    for (size_t chunk = 1; chunk <= all.len; chunk++) {
        read_stream(&all, chunk);
    }
}

/* ---------------------------------------------------------------------------------------- broken
 */

/* The last byte is the one that breaks it. */
static const struct row broken[] = {
    {BYTES("x")},
    {BYTES("\0")},
    {BYTES("\r")},
    {BYTES(" ")},
    {BYTES("@")},
    {BYTES(";")},
    {BYTES(".")},
    {BYTES("\xff")},
    {BYTES("+OK\rx")},
    {BYTES("+OK\r\r")},
    {BYTES("$\r")},
    {BYTES("*\r")},
    {BYTES("$-\r")},
    {BYTES("$--")},
    {BYTES("$1-")},
    {BYTES("$+")},
    {BYTES("$ ")},
    {BYTES("$a")},
    {BYTES("$\n")},
    {BYTES("$1\n")},
    {BYTES("$1 ")},
    {BYTES("$1\rx")},
    {BYTES("$?")},
    {BYTES("*?")},
    {BYTES("$-2\r\n")},
    {BYTES("$-0\r\n")},
    {BYTES("*-2\r\n")},
    {BYTES("%-1\r\n")},
    {BYTES("|-1\r\n")},
    {BYTES("*1\r\n>-1\r\n")},
    {BYTES("$1\r\nab")},
    {BYTES("$1\r\na\rb")},
    {BYTES("$0\r\na")},
    {BYTES("$0\r\n\n")},
    {BYTES("*1\r\nx")},
    {BYTES("*1\r\n\r")},
    {BYTES("%1\r\n+a\r\n\r")},
    {BYTES("|1\r\n+a\r\n+b\r\n\n")},
    {BYTES(">1\r\n?")},
    {BYTES("$1099511627777")},
    {BYTES("$10995116277760")},
    {BYTES("*1099511627777")},
    {BYTES("%10995116277769")},
    {BYTES("$000000000000000000000")},
    {BYTES("$-000000000000000000000")},
};

static void bytes_that_are_no_reply_are_found_at_the_same_byte_at_every_split(void)
{
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct bytes all = {0};
        bytes_add(&all, broken[i].bytes, broken[i].len);
        bytes_add_text(&all, "+OK\r\n");
        case_defer(free, all.data);
        for (size_t at = 0; at <= all.len; at++) {
            const size_t ends[] = {at, all.len};
            struct fr_reply reply = {0};
            size_t taken = 0;
            if (show_pieces(&reply, all.data, ends, 2, &taken) != FR_FRAME_BROKEN) {
                FAIL("not found broken: row %zu, %s", i, broken[i].bytes);
            }
            EXPECT_NUMBER(taken, broken[i].len);
        }
    }
}

/* --------------------------------------------------------------------------------- huge lengths */

#define HUGE "1099511627776" /* 2^40 */

static void a_huge_string_is_waited_for_and_costs_nothing(void)
{
    struct fr_reply reply = {0};
    size_t taken = 0;
    char *zeros = case_alloc(65536);
    EXPECT_NUMBER(show(&reply, BYTES("$" HUGE "\r\n"), &taken), FR_FRAME_MORE);
    for (int i = 0; i < 100; i++) {
        EXPECT_NUMBER(fr_reply_scan(&reply, zeros, 65536, &taken), FR_FRAME_MORE);
        EXPECT_NUMBER(taken, 65536);
    }
    EXPECT(fr_reply_is_open(&reply));
    EXPECT_NUMBER(reply.bulk_left, (INT64_C(1) << 40) - 100 * 65536);
}

/* Say the header again and again: it must be taken so often, and then be too much. */
static void expect_nesting(const char *header, int most)
{
    struct fr_reply reply = {0};
    size_t taken = 0;
    for (int i = 0; i < most; i++) {
        EXPECT_NUMBER(show(&reply, header, strlen(header), &taken), FR_FRAME_MORE);
        EXPECT(reply.values_left <= UINT64_C(1) << 50);
    }
    EXPECT_NUMBER(show(&reply, header, strlen(header), &taken), FR_FRAME_BROKEN);
}

static void huge_aggregates_in_each_other_end_before_their_sum_overflows(void)
{
    expect_nesting("*" HUGE "\r\n", 1024);
    expect_nesting("~" HUGE "\r\n", 1024);
    expect_nesting("%" HUGE "\r\n", 512);
    expect_nesting("|" HUGE "\r\n", 511);
    expect_nesting(">" HUGE "\r\n", 1024);
}

static void deep_nesting_needs_no_memory(void)
{
    struct fr_reply reply = {0};
    size_t taken = 0;
    for (int i = 0; i < 100000; i++) {
        EXPECT_NUMBER(show(&reply, BYTES("*1\r\n"), &taken), FR_FRAME_MORE);
    }
    EXPECT_NUMBER(reply.values_left, 1);
    EXPECT_NUMBER(show(&reply, BYTES("+a\r\n+b\r\n"), &taken), FR_FRAME_DONE);
    EXPECT_NUMBER(taken, 4);
}

/* ------------------------------------------------------------------------------------------ head
 */

static void the_head_holds_the_first_bytes_of_the_last_frame(void)
{
    struct fr_reply reply = {0};
    char *text = case_alloc(300);
    size_t taken = 0;
    memset(text, 'x', 300);
    memcpy(text, "-ERR ", 5);
    for (size_t at = 0; at < 300; at += 7) {
        size_t count = 300 - at < 7 ? 300 - at : 7;
        EXPECT_NUMBER(show(&reply, text + at, count, &taken), FR_FRAME_MORE);
    }
    EXPECT_NUMBER(show(&reply, BYTES("\r\n"), &taken), FR_FRAME_DONE);
    expect_bytes(__FILE__, __LINE__, "head", reply.head, reply.head_len, text, FR_REPLY_HEAD);
    EXPECT(FR_REPLY_BEGINS(&reply, "-ERR x"));
    EXPECT(!FR_REPLY_BEGINS(&reply, "-ERR y"));
    EXPECT_NUMBER(show(&reply, BYTES("+OK\r\n"), &taken), FR_FRAME_DONE);
    EXPECT(FR_REPLY_BEGINS(&reply, "+OK\r\n"));
    EXPECT(!FR_REPLY_BEGINS(&reply, "+OK\r\nx"));
}

static void a_push_is_told_from_a_reply_even_behind_one(void)
{
    static const char stream[] = "+a\r\n>1\r\n+x\r\n*1\r\n>1\r\n+x\r\n+b\r\n>0\r\n+c\r\n";
    static const bool is_push[] = {false, true, false, true, false};
    struct fr_reply reply = {0};
    size_t at = 0;
    for (size_t i = 0; i < COUNT(is_push); i++) {
        size_t taken = 0;
        EXPECT_NUMBER(show(&reply, stream + at, sizeof(stream) - 1 - at, &taken), FR_FRAME_DONE);
        EXPECT_NUMBER(reply.is_push, is_push[i]);
        at += taken;
    }
    EXPECT_NUMBER(at, sizeof(stream) - 1);
}

static void values_are_taken_out_of_a_whole_reply(void)
{
    static const char reply[] = "$3\r\na\rb\r\n:-7\r\n$0\r\n\r\n";
    const char *at = reply, *end = reply + sizeof(reply) - 1;
    struct fr_word word;
    int64_t number = 0;
    EXPECT(!fr_integer_take(&at, end, &number) && at == reply);
    EXPECT(fr_bulk_take(&at, end, &word) && word.len == 3 && memcmp(word.data, "a\rb", 3) == 0);
    EXPECT(!fr_bulk_take(&at, end, &word));
    EXPECT(fr_integer_take(&at, end, &number) && number == -7);
    EXPECT(fr_bulk_take(&at, end, &word) && word.len == 0 && at == end);
    EXPECT(!fr_bulk_take(&at, end, &word) && !fr_integer_take(&at, end, &number));
}

/* What a server says elsewhere than where it should must not be looked for behind the reply. */
static void no_value_is_taken_that_is_not_whole(void)
{
    static const struct row partial[] = {
        {BYTES("")},
        {BYTES("$")},
        {BYTES("$3")},
        {BYTES("$3\r")},
        {BYTES("$3\r\n")},
        {BYTES("$3\r\nabc")},
        {BYTES("$3\r\nabc\r")},
        {BYTES("$-1\r\n")},
        {BYTES("$99\r\na\r\n")},
        {BYTES("$9223372036854775807\r\na\r\n")},
        {BYTES("$x\r\na\r\n")},
        {BYTES("+3\r\nabc\r\n")},
        {BYTES(":")},
        {BYTES(":1")},
        {BYTES(":1\r")},
        {BYTES(":\r\n")},
        {BYTES(":+1\r\n")},
    };
    for (size_t i = 0; i < COUNT(partial); i++) {
        char *copy = case_alloc(partial[i].len + 1); /* so that a sanitizer sees its end */
        const char *at = copy;
        struct fr_word word;
        int64_t number = 0;
        memcpy(copy, partial[i].bytes, partial[i].len);
        EXPECT(!fr_bulk_take(&at, copy + partial[i].len, &word) && at == copy);
        EXPECT(!fr_integer_take(&at, copy + partial[i].len, &number) && at == copy);
    }
}

static const struct test_case cases[] = {
    {"a reply ends at the same byte at every two splits",
     a_reply_ends_at_the_same_byte_at_every_two_splits},
    {"a reply ends with its last byte and not before",
     a_reply_ends_with_its_last_byte_and_not_before},
    {"no bytes change nothing", no_bytes_change_nothing},
    {"a stream of replies falls into the same frames in any chunks",
     a_stream_of_replies_falls_into_the_same_frames_in_any_chunks},
    {"bytes that are no reply are found at the same byte at every split",
     bytes_that_are_no_reply_are_found_at_the_same_byte_at_every_split},
    {"a huge string is waited for and costs nothing",
     a_huge_string_is_waited_for_and_costs_nothing},
    {"huge aggregates in each other end before their sum overflows",
     huge_aggregates_in_each_other_end_before_their_sum_overflows},
    {"deep nesting needs no memory", deep_nesting_needs_no_memory},
    {"the head holds the first bytes of the last frame",
     the_head_holds_the_first_bytes_of_the_last_frame},
    {"values are taken out of a whole reply", values_are_taken_out_of_a_whole_reply},
    {"no value is taken that is not whole", no_value_is_taken_that_is_not_whole},
    {"a push is told from a reply even behind one", a_push_is_told_from_a_reply_even_behind_one},
};

SUITE_MAIN("resp_reply", cases)
