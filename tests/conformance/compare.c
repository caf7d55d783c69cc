/* Replies are told apart by what their requests expect; when the script's idea of their number is
 * not what the server sent, the script is wrong, and that is said instead. */
#include "tests/conformance/compare.h"

#include <string.h>

#include "tests/conformance/normal.h"

enum {
    HISTORY = 12 /* requests shown before the one that differs */
};

static bool same_bytes(const struct bytes *a, const struct bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool same_messages(const struct line *a, const struct line *b)
{
    struct bytes one = {0}, other = {0};
    bool is_ending = a->has_ended && b->has_ended;
    if (is_ending || (a->messages.count == 0 && b->messages.count == 0)) {
        return true;
    }
    normal_messages(&one, &a->messages);
    normal_messages(&other, &b->messages);
    bool is_same = same_bytes(&one, &other);
    bytes_finish(&one);
    bytes_finish(&other);
    return is_same;
}

bool sides_are_level(const struct side *direct, const struct side *pooled)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct line *want = &direct->lines[i], *got = &pooled->lines[i];
        if (got->reads_late) {
            continue;
        }
        if (got->replies.count < want->replies.count || got->has_ended < want->has_ended ||
            (want->client != NULL && !same_messages(want, got))) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------- showing */

static const struct part *part_in(const struct step *step, int who)
{
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].connection == who) {
            return &step->parts[i];
        }
    }
    return NULL;
}

static void show(struct bytes *to, const char *before, const void *data, size_t len, size_t at)
{
    struct bytes shown = {0};
    bytes_printf(to, "%s%s\n", before, bytes_show(&shown, len == 0 ? "" : data, len, at));
    bytes_finish(&shown);
}

static void show_ask(struct bytes *to, const struct part *part, size_t n)
{
    show(to, "      > ", part->bytes.data + part->asks[n].at, part->asks[n].len, 0);
}

/* What the connection asked last, up to the n-th of the step. */
static void show_history(struct bytes *to, const struct script *script, size_t step, int who,
                         size_t n)
{
    size_t shown = 0, first = step;
    while (first > 0 && shown < HISTORY) {
        const struct part *part = part_in(&script->steps[--first], who);
        shown += part == NULL ? 0 : part->count;
    }
    for (size_t i = first; i <= step; i++) {
        const struct part *part = part_in(&script->steps[i], who);
        size_t end = part == NULL ? 0 : i == step && n < part->count ? n + 1 : part->count;
        size_t begin = end > HISTORY ? end - HISTORY : 0;
        if (begin < end) {
            bytes_printf(to, "    step %zu, connection %d\n", i, who);
        }
        for (size_t j = begin; j < end; j++) {
            show_ask(to, part, j);
        }
    }
}

static void show_pair(struct bytes *to, const struct bytes *want, const struct bytes *got)
{
    size_t at = 0;
    while (at < want->len && at < got->len && want->data[at] == got->data[at]) {
        at++;
    }
    show(to, "    direct: ", want->data, want->len, at);
    show(to, "    pooled: ", got->data, got->len, at);
}

/* ----------------------------------------------------------------------------------- comparing */

/* Compare a run of frames; frames beyond what the pooled side has count as missing. */
static bool same_run(const struct line *want, const struct line *got, size_t n, size_t count,
                     unsigned normal, struct bytes *text)
{
    struct bytes one = {0}, other = {0};
    size_t there = got->replies.count > n ? got->replies.count - n : 0;
    normal_replies(&one, &want->replies, n, count, normal);
    normal_replies(&other, &got->replies, n, there < count ? there : count, normal);
    bool is_same = same_bytes(&one, &other);
    if (!is_same) {
        show_pair(text, &one, &other);
    }
    bytes_finish(&one);
    bytes_finish(&other);
    return is_same;
}

/* The number of asks of the part whose replies are the same, each compared as it wants to be. */
static size_t same_asks(const struct part *part, const struct line *want, const struct line *got,
                        struct bytes *text)
{
    size_t at = 0;
    for (size_t i = 0; i < part->count; i++) {
        const struct ask *ask = &part->asks[i];
        if (!same_run(want, got, at, (size_t)ask->replies, ask->normal, text)) {
            return i;
        }
        at += (size_t)ask->replies;
    }
    return part->count;
}

static size_t expected_replies(const struct part *part)
{
    size_t count = 0;
    for (size_t i = 0; part != NULL && i < part->count; i++) {
        count += (size_t)part->asks[i].replies;
    }
    return count;
}

/* A server that finds the end of input while a large reply is only half written drops the other
 * half and what is behind it (readQueryFromClient() in networking.c, 7.0). The daemon delivers
 * all. */
static bool is_torn(const struct part *part, const struct line *want)
{
    return part != NULL && part->ending == END_HALF && want->has_ended && want->client != NULL &&
           want->client->in.len > want->client->taken;
}

/* What came whole is compared; of the rest, that the pooled side has it. */
static bool same_until_torn(const struct part *part, const struct line *want,
                            const struct line *got, struct bytes *text, size_t *n)
{
    size_t at = 0;
    for (*n = 0; *n < part->count; at += (size_t)part->asks[(*n)++].replies) {
        const struct ask *ask = &part->asks[*n];
        bool is_whole = at + (size_t)ask->replies <= want->replies.count;
        if (is_whole && !same_run(want, got, at, (size_t)ask->replies, ask->normal, text)) {
            return false;
        }
    }
    if (got->replies.count != at) {
        bytes_printf(text, "    %zu replies of %zu came, and the server tore one\n",
                     got->replies.count, at);
    }
    return got->replies.count == at;
}

/* The replies of one connection. n says up to which ask they were the same. */
static bool same_replies(const struct part *part, const struct line *want, const struct line *got,
                         struct bytes *text, size_t *n)
{
    if (is_torn(part, want)) {
        return same_until_torn(part, want, got, text, n);
    }
    *n = part == NULL ? 0 : part->count;
    if (part != NULL && part->count > 0 && want->replies.count == expected_replies(part)) {
        *n = same_asks(part, want, got, text);
        if (*n < part->count) {
            return false;
        }
    } else if (part != NULL && want->replies.count != expected_replies(part)) {
        bytes_printf(text, "    the script expects %zu replies, the server has sent %zu\n",
                     expected_replies(part), want->replies.count);
        show(text, "    direct: ", want->replies.bytes.data, want->replies.bytes.len, 0);
        return false;
    } else if (!same_run(want, got, 0, want->replies.count, 0, text)) {
        return false;
    }
    if (got->replies.count > want->replies.count) {
        bytes_printf(text, "    %zu replies too many\n", got->replies.count - want->replies.count);
        show(text, "    pooled: ", got->replies.bytes.data, got->replies.bytes.len, 0);
        return false;
    }
    return true;
}

static bool same_line(const struct part *part, const struct line *want, const struct line *got,
                      struct bytes *text, size_t *n)
{
    if (!same_replies(part, want, got, text, n)) {
        return false;
    }
    if (!same_messages(want, got)) {
        struct bytes one = {0}, other = {0};
        normal_messages(&one, &want->messages);
        normal_messages(&other, &got->messages);
        bytes_add_text(text, "    messages:\n");
        show_pair(text, &one, &other);
        bytes_finish(&one);
        bytes_finish(&other);
        return false;
    }
    if (want->has_ended != got->has_ended) {
        bytes_printf(text, "    direct: the connection %s\n    pooled: it %s\n",
                     want->has_ended ? "was closed" : "stays open",
                     got->has_ended ? "was closed" : "stays open");
        return false;
    }
    return true;
}

bool sides_agree(const struct script *script, size_t step, const struct side *direct,
                 const struct side *pooled, struct bytes *text)
{
    for (int who = 0; who < CONNECTIONS; who++) {
        const struct part *part = part_in(&script->steps[step], who);
        bool is_muted = script->muted >> who & 1;
        struct bytes what = {0};
        size_t n = 0;
        bool is_same =
            is_muted || same_line(part, &direct->lines[who], &pooled->lines[who], &what, &n);
        if (!is_same) {
            show_history(text, script, step, who, n);
            bytes_add(text, what.data, what.len);
        }
        bytes_finish(&what);
        if (!is_same) {
            return false;
        }
    }
    return true;
}
