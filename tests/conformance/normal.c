/*  what            why it cannot be the same              what is compared
 *
 *  NORMAL_SORT     hash tables of two servers have        the elements, sorted on every level
 *                  different seeds
 *  NORMAL_PAIRS    the same, of fields and values         the pairs, sorted
 *  NORMAL_NUMBERS  idle times, times to live, sizes,      that there is an integer
 *                  ids; receivers of a PUBLISH in a
 *                  script or in EXEC
 *  NORMAL_IDS      connections' ids differ                all but the number of "id"
 *  NORMAL_REFUSAL  a server may not say it at all         all, as if it had been said
 *  NORMAL_CLIENT   addresses, ids, times, sizes           the lines in their order, of each db,
 *                                                         name, sub, psub, ssub, multi, user, resp;
 *                                                         of flags those both know; of redir
 *                                                         whether there is one
 *  NORMAL_ACKS     UNSUBSCRIBE without names goes         the names, sorted; the counts, in order
 *                  through a hash table
 *  NORMAL_KIND     the moment's altogether: INFO, TIME;   the type
 *                  the daemon's own: CLIENT HELP
 *
 *  messages        patterns are matched in a hash         those of each channel and pattern, in
 *                  table's order; a message may come      order
 *                  before or behind the reply to a
 *                  PUBLISH to oneself
 *                  a connection that ends may lose some   nothing when it ends
 *  invalidations   BCAST collects those of a turn         the set of keys of a step; that a
 *                                                         redirection is broken, once
 */
#include "tests/conformance/normal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- piles */

/* Texts to be sorted, with the place they came at. */
struct text {
    struct bytes bytes;
    size_t key_len; /* what it is sorted by */
    size_t place;
};

struct pile {
    struct text *texts;
    size_t count, cap;
};

static struct bytes *pile_next(struct pile *pile)
{
    if (pile->count == pile->cap) {
        pile->cap = pile->cap == 0 ? 16 : pile->cap * 2;
        pile->texts = realloc(pile->texts, pile->cap * sizeof(*pile->texts));
        if (pile->texts == NULL) {
            abort();
        }
    }
    pile->texts[pile->count] = (struct text){.place = pile->count, .key_len = SIZE_MAX};
    return &pile->texts[pile->count++].bytes;
}

static size_t key_len(const struct text *text)
{
    return text->key_len < text->bytes.len ? text->key_len : text->bytes.len;
}

static int by_key(const void *a, const void *b)
{
    const struct text *one = a, *other = b;
    size_t len = key_len(one) < key_len(other) ? key_len(one) : key_len(other);
    int order = len == 0 ? 0 : memcmp(one->bytes.data, other->bytes.data, len);
    if (order != 0) {
        return order;
    }
    if (key_len(one) != key_len(other)) {
        return key_len(one) < key_len(other) ? -1 : 1;
    }
    return one->place < other->place ? -1 : 1;
}

static void pile_sort(struct pile *pile)
{
    if (pile->count > 1) {
        qsort(pile->texts, pile->count, sizeof(*pile->texts), by_key);
    }
}

static void pile_finish(struct pile *pile, struct bytes *to)
{
    for (size_t i = 0; i < pile->count; i++) {
        bytes_add(to, pile->texts[i].bytes.data, pile->texts[i].bytes.len);
        bytes_finish(&pile->texts[i].bytes);
    }
    free(pile->texts);
}

/* -------------------------------------------------------------------------------------- values */

static size_t header_len(const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    return end == NULL ? len : (size_t)(end - data) + 1;
}

static bool begins(const char *data, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

/* Fields of a line of CLIENT LIST that are the same whoever the client speaks with. */
static bool is_lasting_field(const char *field, size_t len)
{
    static const char *const lasting[] = {
        "db=", "name=", "sub=", "psub=", "ssub=", "multi=", "user=", "resp="};
    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
        if (begins(field, len, lasting[i])) {
            return true;
        }
    }
    return false;
}

/* Letters of "flags" that the daemon knows as well as the server: a tunnel is shown as O, dirty
 * watched keys and a broken redirection are the server's alone, and e outlives RESET up to 7.0. */
static void add_flags(struct bytes *to, const char *flags, size_t len)
{
    bytes_add_text(to, "flags=");
    for (size_t i = 0; i < len; i++) {
        if (strchr("PxbtB", flags[i]) != NULL) {
            bytes_add(to, &flags[i], 1);
        }
    }
    bytes_add_text(to, " ");
}

/* A field: as it is, or what of it is the same. */
static void add_client_field(struct bytes *to, const char *field, size_t len)
{
    static const char flags[] = "flags=", redir[] = "redir=";
    if (is_lasting_field(field, len)) {
        bytes_add(to, field, len);
        bytes_add_text(to, " ");
    } else if (begins(field, len, flags)) {
        add_flags(to, field + sizeof(flags) - 1, len - sizeof(flags) + 1);
    } else if (begins(field, len, redir)) { /* to nobody, off, or to an id */
        bool is_id = field[sizeof(redir) - 1] > '0';
        bytes_add(to, field, is_id ? sizeof(redir) - 1 : len);
        bytes_add_text(to, " ");
    }
}

static void add_client_lines(struct bytes *to, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t field = 0;
        while (at + field < len && !isspace((unsigned char)text[at + field])) {
            field++;
        }
        add_client_field(to, text + at, field);
        at += field + 1;
        if (at <= len && text[at - 1] == '\n') {
            bytes_add_text(to, "\n");
        }
    }
}

static size_t add_value(struct bytes *to, const char *data, size_t len, unsigned normal);

static size_t add_aggregate(struct bytes *to, const char *data, size_t len, unsigned normal)
{
    long count = strtol(data + 1, NULL, 10);
    size_t at = header_len(data, len);
    struct pile pile = {0};
    bool is_map = data[0] == '%';
    bool is_nested = at < len && strchr("*~", data[at]) != NULL; /* RESP3 has pairs as arrays */
    long group = is_map || (normal & NORMAL_PAIRS && !is_nested) ? 2 : 1;
    bytes_add(to, data, at);
    for (long i = 0; i < (is_map ? count * 2 : count) && at < len;) {
        struct bytes *element = pile_next(&pile);
        for (long j = 0; j < group && at < len; j++, i++) {
            at += add_value(element, data + at, len - at, normal);
        }
    }
    if (normal & (NORMAL_SORT | NORMAL_PAIRS)) {
        pile_sort(&pile);
    }
    pile_finish(&pile, to);
    return at;
}

static size_t add_value(struct bytes *to, const char *data, size_t len, unsigned normal)
{
    size_t value_len = (size_t)reply_frame_len(data, len);
    if (strchr("*%~>", data[0]) != NULL) {
        return add_aggregate(to, data, len, normal);
    }
    if (data[0] == ':' && normal & NORMAL_NUMBERS) {
        bytes_add_text(to, ":#\r\n");
    } else if ((data[0] == '$' || data[0] == '=') && normal & NORMAL_CLIENT) {
        size_t header = header_len(data, len);
        bytes_add(to, data, 1);
        add_client_lines(to, data + header, value_len > header ? value_len - header - 2 : 0);
    } else {
        bytes_add(to, data, value_len);
    }
    return value_len;
}

/* ------------------------------------------------------------------------------------- replies */

static void add_reply(struct bytes *to, const char *data, size_t len, unsigned normal)
{
    struct bytes copy = {0};
    if (normal & NORMAL_KIND) {
        return bytes_add(to, data, 1);
    }
    if (normal == 0) {
        return bytes_add(to, data, len);
    }
    bytes_add(&copy, data, len);
    if (normal & NORMAL_IDS) {
        bytes_mask_ids(&copy);
    }
    add_value(to, copy.data, copy.len, normal);
    bytes_finish(&copy);
}

/* [kind, name, count]: where the count begins. */
static size_t count_at(const char *data, size_t len)
{
    size_t at = len - 2;
    while (at > 0 && data[at] != ':') {
        at--;
    }
    return at;
}

static void add_acks(struct bytes *to, const struct frames *frames, size_t n, size_t count)
{
    struct pile names = {0};
    struct bytes counts = {0};
    for (size_t i = n; i < n + count; i++) {
        size_t len = 0;
        const char *data = frames_at(frames, i, &len);
        size_t at = count_at(data, len);
        bytes_add(pile_next(&names), data, at);
        bytes_add(&counts, data + at, len - at);
    }
    pile_sort(&names);
    pile_finish(&names, to);
    bytes_add(to, counts.data == NULL ? "" : counts.data, counts.len);
    bytes_finish(&counts);
}

void normal_replies(struct bytes *to, const struct frames *frames, size_t n, size_t count,
                    unsigned normal)
{
    if (normal & NORMAL_ACKS) {
        return add_acks(to, frames, n, count);
    }
    for (size_t i = n; i < n + count; i++) {
        size_t len = 0;
        const char *data = frames_at(frames, i, &len);
        add_reply(to, data, len, normal);
    }
}

/* ------------------------------------------------------------------------------------ messages */

/* Where the last element of a flat push or array begins. */
static size_t last_element(const char *data, size_t len)
{
    long count = strtol(data + 1, NULL, 10);
    size_t at = header_len(data, len);
    while (--count > 0) {
        at += (size_t)reply_frame_len(data + at, len - at);
    }
    return at;
}

static bool contains(const char *data, size_t len, const char *text)
{
    return memmem(data, len, text, strlen(text)) != NULL;
}

static void add_invalidated(struct pile *pile, const char *keys, size_t len)
{
    long count = strtol(keys + 1, NULL, 10);
    size_t at = header_len(keys, len);
    if (keys[0] != '*' || count < 0) {
        bytes_add_text(pile_next(pile), "invalidated: everything\n");
    }
    for (; keys[0] == '*' && count > 0; count--) {
        size_t key = (size_t)reply_frame_len(keys + at, len - at);
        struct bytes *text = pile_next(pile);
        bytes_add_text(text, "invalidated: ");
        bytes_add(text, keys + at, key);
        at += key;
    }
}

static void drop_doubles(struct pile *pile)
{
    size_t kept = 0;
    for (size_t i = 0; i < pile->count; i++) {
        struct text *one = &pile->texts[i], *last = kept > 0 ? &pile->texts[kept - 1] : NULL;
        bool is_double = last != NULL && one->bytes.len == last->bytes.len &&
                         contains(one->bytes.data, 12, "invalidated:") &&
                         memcmp(one->bytes.data, last->bytes.data, one->bytes.len) == 0;
        if (is_double) {
            bytes_finish(&one->bytes);
        } else {
            pile->texts[kept++] = *one;
        }
    }
    pile->count = kept;
}

void normal_messages(struct bytes *to, const struct frames *frames)
{
    struct pile pile = {0};
    for (size_t i = 0; i < frames->count; i++) {
        size_t len = 0;
        const char *data = frames_at(frames, i, &len);
        size_t last = last_element(data, len);
        if (contains(data, last, "tracking-redir-broken")) { /* and the id of the one who is gone */
            bytes_add_text(pile_next(&pile), "invalidated: nobody is told\n");
        } else if (contains(data, last, "\r\ninvalidate\r\n") ||
                   contains(data, last, "__redis__:invalidate")) {
            add_invalidated(&pile, data + last, len - last);
        } else {
            bytes_add(pile_next(&pile), data, len);
            pile.texts[pile.count - 1].key_len = last;
        }
    }
    pile_sort(&pile);
    drop_doubles(&pile);
    pile_finish(&pile, to);
}
