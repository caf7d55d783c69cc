/* Frames taken apart and put in order, so that order does not matter where it may not. */
#include "tests/mock/replies.h"

#include <stdlib.h>
#include <string.h>

#include "common/mock/heap.h"
#include "tests/support/client.h"

enum {
    CHILDREN_MAX = 4096
};

size_t reply_children(const struct fr_word *frame, struct fr_word *children, size_t cap)
{
    if (frame->len == 0 || !strchr("*%~>", frame->data[0])) {
        return 0;
    }
    const char *at = memchr(frame->data, '\n', frame->len), *end = frame->data + frame->len;
    size_t count = 0;
    for (at = at ? at + 1 : end; at < end && count < cap; count++) {
        long len = reply_frame_len(at, (size_t)(end - at));
        if (len <= 0) {
            break;
        }
        children[count] = (struct fr_word){at, (size_t)len};
        at += len;
    }
    return count;
}

static int compare_words(const void *a, const void *b)
{
    return frm_word_compare(a, b);
}

/* Sort children of a copy, each group (1: single, 2: a pair) by its bytes. */
static size_t sorted(const struct fr_word *frame, struct fr_word *children, size_t group)
{
    size_t count = reply_children(frame, children, CHILDREN_MAX);
    if (group == 2 && count % 2 == 0) {
        for (size_t i = 0; i < count / 2; i++) { /* neighbours in memory: one word for both */
            children[i] = (struct fr_word){children[2 * i].data,
                                           children[2 * i].len + children[2 * i + 1].len};
        }
        count /= 2;
    }
    qsort(children, count, sizeof(struct fr_word), compare_words);
    return count;
}

static bool same_sorted(const struct fr_word *a, const struct fr_word *b, size_t group)
{
    static struct fr_word x[CHILDREN_MAX], y[CHILDREN_MAX];
    size_t count = sorted(a, x, group);
    if (count != sorted(b, y, group) || a->data[0] != b->data[0]) {
        return false;
    }
    if (count == 0) {
        return frm_word_equal(a, b);
    }
    for (size_t i = 0; i < count; i++) {
        if (!frm_word_equal(&x[i], &y[i])) {
            return false;
        }
    }
    return true;
}

static bool same_scanned(const struct fr_word *a, const struct fr_word *b)
{
    struct fr_word x[2], y[2];
    if (reply_children(a, x, 2) != 2 || reply_children(b, y, 2) != 2) {
        return frm_word_equal(a, b);
    }
    const struct fr_word zero = {"$1\r\n0\r\n", 7};
    if (!frm_word_equal(&x[0], &zero) || !frm_word_equal(&y[0], &zero)) {
        return true; /* a part of the whole, which may be any */
    }
    return same_sorted(&x[1], &y[1], 1);
}

static bool same_time(const struct fr_word *a, const struct fr_word *b)
{
    long long x = a->data[0] == ':' ? strtoll(a->data + 1, NULL, 10) : 0;
    long long y = b->data[0] == ':' ? strtoll(b->data + 1, NULL, 10) : 0;
    bool are_numbers = a->data[0] == ':' && b->data[0] == ':';
    return are_numbers && x >= 0 && y >= 0 ? llabs(x - y) <= 2000 : frm_word_equal(a, b);
}

static bool all_are_members(const struct fr_word *frame, const struct bytes *members)
{
    struct fr_word children[CHILDREN_MAX];
    size_t count = reply_children(frame, children, CHILDREN_MAX);
    if (frame->data[0] == '$' && frame->data[1] != '-') {
        return memmem(members->data, members->len, frame->data, frame->len) != NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!all_are_members(&children[i], members)) {
            return false;
        }
    }
    return true;
}

/* Only what is in the billions is a time. */
static bool same_moment(const struct fr_word *a, const struct fr_word *b)
{
    return a->len > sizeof(":123456789\r\n") ? same_time(a, b) : frm_word_equal(a, b);
}

/* The same where numbers are alike in their way. */
static bool same_but_numbers(const struct fr_word *a, const struct fr_word *b,
                             bool (*are_alike)(const struct fr_word *, const struct fr_word *))
{
    struct fr_word x[64], y[64];
    size_t count = reply_children(a, x, 64);
    if (count == 0 || count != reply_children(b, y, 64)) {
        return a->data[0] == ':' ? are_alike(a, b) : frm_word_equal(a, b);
    }
    for (size_t i = 0; i < count; i++) {
        if (!same_but_numbers(&x[i], &y[i], are_alike)) {
            return false;
        }
    }
    return true;
}

static bool same_shape(const struct fr_word *a, const struct fr_word *b)
{
    static struct fr_word x[CHILDREN_MAX], y[CHILDREN_MAX];
    return a->data[0] == b->data[0] &&
           reply_children(a, x, CHILDREN_MAX) == reply_children(b, y, CHILDREN_MAX) &&
           (a->data[1] == '-') == (b->data[1] == '-');
}

bool reply_same(const struct fr_word *a, const struct fr_word *b, enum comparison how,
                const struct bytes *members)
{
    switch (how) {
    case SORTED:
        return same_sorted(a, b, 1);
    case PAIRS:
        return same_sorted(a, b, 2);
    case SCANNED:
        return same_scanned(a, b);
    case TIME:
        return same_time(a, b);
    case AGES:
        return same_but_numbers(a, b, same_time);
    case MOMENTS:
        return same_but_numbers(a, b, same_moment);
    case SHAPE:
        return same_shape(a, b);
    case CHANCE:
        return same_shape(a, b) &&
               (!members || (all_are_members(a, members) && all_are_members(b, members)));
    case SAME:
        break;
    }
    return frm_word_equal(a, b);
}
