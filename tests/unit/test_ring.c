/* Rings of bytes: that what goes in comes out, at every size and place, and what either side makes
 * of positions that cannot be. */
#include "common/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    CAP_MAX = 64,
    GUARD = 16,
    PLACES = 8192,
    SLOW_PLACES = 1024,
    STREAM = 200000
};

/* Both ends of one ring, with guards around its bytes. */
static _Atomic uint64_t span;
static _Atomic uint32_t head;
static char memory[GUARD + CAP_MAX + GUARD];
static struct fr_ring in, out;

static void begin(uint32_t cap)
{
    memset(memory, '!', sizeof(memory));
    atomic_store(&span, 0);
    atomic_store(&head, 0);
    fr_ring_init(&in, memory + GUARD, cap, &span, &head);
    fr_ring_init(&out, memory + GUARD, cap, &span, &head);
}

static void expect_guards(void)
{
    for (int i = 0; i < GUARD; i++) {
        EXPECT_NUMBER(memory[i], '!');
        EXPECT_NUMBER(memory[GUARD + in.cap + (uint32_t)i], '!');
    }
}

static uint32_t room(void)
{
    uint32_t count = 0;
    EXPECT(fr_ring_room(&in, &count));
    return count;
}

static uint32_t there(void)
{
    uint32_t count = 0;
    EXPECT(fr_ring_look(&out, &count));
    return count;
}

static void put(const char *data, uint32_t len)
{
    EXPECT_BETWEEN(len, 0, room());
    fr_ring_fill(&in, data, len);
    fr_ring_publish(&in);
}

static void take(char *to, uint32_t len)
{
    EXPECT_BETWEEN(len, 0, there());
    fr_ring_take(&out, to, len);
    fr_ring_release(&out);
}

/* What stands at a place of the stream. */
static char byte_at(uint32_t position)
{
    return (char)(position * 7 + position / 251);
}

/* Put and take by turns, in steps of these lengths. */
static void pass(uint32_t cap, uint32_t put_len, uint32_t take_len)
{
    char data[CAP_MAX], got[CAP_MAX];
    uint32_t written = 0, read = 0;
    begin(cap);
    while (read < 6 * cap) {
        uint32_t fits = room();
        uint32_t count = put_len < fits ? put_len : fits;
        for (uint32_t i = 0; i < count; i++) {
            data[i] = byte_at(written++);
        }
        put(data, count);
        count = take_len < there() ? take_len : there();
        take(got, count);
        for (uint32_t i = 0; i < count; i++) {
            EXPECT_NUMBER(got[i], byte_at(read + i));
        }
        read += count;
        EXPECT_NUMBER(there(), written - read);
    }
    expect_guards();
}

static void every_size_and_step(void)
{
    for (uint32_t cap = 1; cap <= CAP_MAX; cap *= 2) {
        for (uint32_t put_len = 1; put_len <= cap; put_len++) {
            for (uint32_t take_len = 1; take_len <= cap; take_len++) {
                pass(cap, put_len, take_len);
            }
        }
    }
}

/* One byte always stays, so that the producer never goes on at the beginning: each piece, of all
 * that has room then, begins one place before the last. */
static void wrap_everywhere(uint32_t cap)
{
    char *bytes = case_alloc(cap), *data = case_alloc(cap), *got = case_alloc(cap);
    atomic_store(&span, 0);
    atomic_store(&head, 0);
    fr_ring_init(&in, bytes, cap, &span, &head);
    fr_ring_init(&out, bytes, cap, &span, &head);
    put("x", 1);
    for (uint32_t piece = 0; piece < cap; piece++) {
        uint32_t len = cap - 1;
        memset(data, (char)piece, len);
        data[len / 2] = (char)~piece;
        data[len - 1] = 'x';
        put(data, len);
        EXPECT_NUMBER(room(), 0);
        EXPECT_NUMBER(there(), cap);
        take(got, len);
        EXPECT_NUMBER(got[0], 'x');
        expect_bytes(__FILE__, __LINE__, "piece", got + 1, len - 1, data, len - 1);
    }
}

static void every_place(void)
{
    for (uint32_t cap = 2; cap <= (is_slow() ? SLOW_PLACES : PLACES); cap *= 2) {
        wrap_everywhere(cap);
    }
}

static void a_full_ring_has_no_room_and_an_empty_one_all(void)
{
    char data[16] = "0123456789abcdef", got[16];
    begin(16);
    EXPECT_NUMBER(room(), 16);
    EXPECT_NUMBER(there(), 0);
    put(data, 16);
    EXPECT_NUMBER(room(), 0);
    take(got, 16);
    EXPECT_NUMBER(room(), 16);
    EXPECT_NUMBER(there(), 0);
}

static void nothing_is_seen_before_it_is_published(void)
{
    begin(16);
    EXPECT_NUMBER(room(), 16);
    fr_ring_fill(&in, "abc", 3);
    EXPECT_NUMBER(there(), 0);
    fr_ring_publish(&in);
    EXPECT_NUMBER(there(), 3);
}

static void an_empty_ring_goes_on_at_its_beginning(void)
{
    char got[4];
    begin(64);
    for (int i = 0; i < 1000; i++) {
        put("abcd", 4);
        take(got, 4);
    }
    expect_bytes(__FILE__, __LINE__, "beginning", memory + GUARD, 5, "abcd!", 5);
}

static void what_is_taken_in_parts_is_not_overtaken(void)
{
    char got[8];
    begin(8);
    put("abcd", 4);
    take(got, 4);
    put("efgh", 4); /* from the beginning on */
    EXPECT_NUMBER(room(), 4);
    take(got, 1);
    EXPECT_NUMBER(room(), 5);
    put("ijklm", 5);
    EXPECT_NUMBER(room(), 0);
    take(got, 8);
    expect_bytes(__FILE__, __LINE__, "rest", got, 8, "fghijklm", 8);
}

/* 2^32 bytes are some seconds too many: both ends begin just before. */
static void positions_wrap_at_2_to_the_32(void)
{
    char got[8];
    begin(16);
    in.at = out.at = UINT32_MAX - 20;
    atomic_store(&head, in.at);
    atomic_store(&span, in.at);
    for (int i = 0; i < 20; i++) {
        put("abcdefg", 7);
        take(got, 3);
        take(got, 4);
        expect_bytes(__FILE__, __LINE__, "wrapped", got, 4, "defg", 4);
    }
    expect_guards();
}

static void bytes_that_cannot_be_are_refused(void)
{
    static const uint64_t spans[] = {17,
                                     UINT32_MAX,
                                     0x80000000u,
                                     (uint64_t)16 << 32 | 33,
                                     (uint64_t)16 << 32 | 15,
                                     UINT64_MAX - 1};
    uint32_t count;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        begin(16);
        atomic_store(&span, spans[i]);
        EXPECT(!fr_ring_look(&out, &count) || count <= 16);
        EXPECT(i == 5 || !fr_ring_look(&out, &count));
    }
}

static void room_that_cannot_be_is_refused(void)
{
    uint32_t count;
    begin(16);
    put("abcd", 4);
    atomic_store(&head, 5);
    EXPECT(!fr_ring_room(&in, &count));
    atomic_store(&head, UINT32_MAX - 12);
    EXPECT(!fr_ring_room(&in, &count));
    atomic_store(&head, 4);
    EXPECT_NUMBER(room(), 16);
}

/* Whoever believes a scribbled word still stays within the ring. */
static void nothing_leaves_the_ring_whatever_the_words_say(void)
{
    char data[CAP_MAX], got[CAP_MAX];
    uint32_t seed = 12345, count;
    begin(32);
    memset(data, 'x', sizeof(data));
    for (int i = 0; i < STREAM; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (seed >> 30 == 0) {
            atomic_store(&span, (uint64_t)seed * 2654435761u);
        } else if (seed >> 30 == 1) {
            atomic_store(&head, atomic_load(&head) + (seed >> 8 & 63));
        }
        if (fr_ring_room(&in, &count)) {
            EXPECT_BETWEEN(count, 0, 32);
            fr_ring_fill(&in, data, count);
            fr_ring_publish(&in);
        }
        if (fr_ring_look(&out, &count)) {
            EXPECT_BETWEEN(count, 0, 32);
            fr_ring_take(&out, got, count);
            fr_ring_release(&out);
        }
    }
    expect_guards();
}

static void *produce(void *arg)
{
    uint32_t written = 0, fits;
    char data[CAP_MAX];
    (void)arg;
    while (written < STREAM) {
        if (!fr_ring_room(&in, &fits)) {
            return "no such room";
        }
        uint32_t count = fits < STREAM - written ? fits : STREAM - written;
        for (uint32_t i = 0; i < count; i++) {
            data[i] = byte_at(written++);
        }
        fr_ring_fill(&in, data, count);
        fr_ring_publish(&in);
        if (count == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void two_threads(void)
{
    for (uint32_t cap = 1; cap <= CAP_MAX; cap *= 4) {
        pthread_t thread;
        void *failure;
        uint32_t read = 0, count;
        char got[CAP_MAX];
        begin(cap);
        EXPECT_NUMBER(pthread_create(&thread, NULL, produce, NULL), 0);
        bool is_right = true;
        while (read < STREAM && fr_ring_look(&out, &count)) {
            fr_ring_take(&out, got, count);
            fr_ring_release(&out);
            for (uint32_t i = 0; i < count; i++) {
                is_right = is_right && got[i] == byte_at(read + i);
            }
            read += count;
            if (count == 0) {
                sched_yield();
            }
        }
        pthread_join(thread, &failure);
        EXPECT(failure == NULL && is_right);
        EXPECT_NUMBER(read, STREAM);
        expect_guards();
    }
}

static const struct test_case cases[] = {
    {"what goes in comes out, at every size up to 64 and in every step", every_size_and_step},
    {"a piece may begin at every place of a ring, and go over its end", every_place},
    {"a full ring has no room, an empty one has all", a_full_ring_has_no_room_and_an_empty_one_all},
    {"nothing is seen before it is published", nothing_is_seen_before_it_is_published},
    {"an empty ring goes on at its beginning", an_empty_ring_goes_on_at_its_beginning},
    {"what is taken in parts is not overtaken", what_is_taken_in_parts_is_not_overtaken},
    {"positions wrap at 2^32", positions_wrap_at_2_to_the_32},
    {"bytes that cannot be there are refused", bytes_that_cannot_be_are_refused},
    {"room that cannot be there is refused", room_that_cannot_be_is_refused},
    {"nothing leaves the ring, whatever the shared words say",
     nothing_leaves_the_ring_whatever_the_words_say},
    {"two threads pass a stream", two_threads},
};

SUITE_MAIN("ring", cases)
