/* The queue of requests of one upstream, compared with a model that keeps everything. */
#include "daemon/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>

#include "tests/support/process.h"
#include "tests/support/suite.h"

/* -------------------------------------------------------------------------------------- the model
 */

enum {
    MODEL_MAX = 4000
};

/* One request: bytes of a sequence of its own, so that any that is lost, doubled or moved shows. */
struct entry {
    uint8_t tag;
    size_t len;
    size_t written; /* on the present connection */
    bool is_open;
    bool came_open; /* it arrived in parts */
    bool is_joined;
    uint32_t sent_us;
};

struct model {
    struct requests queue;
    struct entry entries[MODEL_MAX];
    size_t count;
    unsigned made;
    uint32_t now_us;
};

static char byte_of(uint8_t tag, size_t at)
{
    return (char)(tag * 31U + at * 7U);
}

static void finish(void *what)
{
    struct model *model = what;
    requests_finish(&model->queue);
}

static struct model *begin(bool retains)
{
    struct model *model = case_alloc(sizeof(*model));
    requests_init(&model->queue, retains);
    case_defer(finish, model);
    return model;
}

static void bytes_of_entry(const struct entry *entry, size_t from, size_t to, char *data)
{
    for (size_t i = from; i < to; i++) {
        data[i - from] = byte_of(entry->tag, i);
    }
}

static void add(struct model *model, size_t len, bool is_open)
{
    char data[256];
    struct entry *entry = &model->entries[model->count++];
    *entry = (struct entry){
        .tag = (uint8_t)model->made++, .len = len, .is_open = is_open, .came_open = is_open};
    bytes_of_entry(entry, 0, len, data);
    struct slot slot = {.tag = entry->tag, .flags = is_open ? SLOT_OPEN : 0};
    requests_add(&model->queue, &slot, data, len);
}

/* Add so many requests in one piece, each of which but the first stands or falls with the one
 * before it. They are known by where they are: the tag is that of the run. */
static void add_run(struct model *model, uint32_t count)
{
    char data[256];
    struct request_part parts[16] = {{0}};
    struct request_run run = {.data = data, .count = count, .parts = parts};
    struct slot like = {.tag = (uint8_t)model->made++};
    for (uint32_t i = 0; i < count; i++) {
        struct entry *entry = &model->entries[model->count++];
        *entry = (struct entry){.tag = like.tag, .len = 1 + i, .is_joined = i > 0};
        bytes_of_entry(entry, 0, entry->len, data + run.len);
        parts[i] = (struct request_part){.len = 1 + i, .flags = i > 0 ? SLOT_JOINED : 0};
        run.len += entry->len;
    }
    requests_add_run(&model->queue, &like, &run);
}

static bool is_sent(const struct entry *entry)
{
    return !entry->is_open && entry->written == entry->len;
}

static size_t sent(const struct model *model)
{
    size_t count = 0;
    while (count < model->count && is_sent(&model->entries[count])) {
        count++;
    }
    return count;
}

/* What has been sent and was not before has been now. */
static void note_sent(struct model *model)
{
    for (size_t i = 0, count = sent(model); i < count; i++) {
        struct entry *entry = &model->entries[i];
        entry->sent_us = entry->sent_us == 0 ? model->now_us : entry->sent_us;
    }
}

static void append(struct model *model, size_t len, bool is_last)
{
    char data[256];
    struct entry *entry = &model->entries[model->count - 1];
    bytes_of_entry(entry, entry->len, entry->len + len, data);
    entry->len += len;
    entry->is_open = !is_last;
    requests_append(&model->queue, data, len, is_last, ++model->now_us);
    note_sent(model);
}

static size_t unwritten(const struct model *model)
{
    size_t len = 0;
    for (size_t i = 0; i < model->count; i++) {
        len += model->entries[i].len - model->entries[i].written;
    }
    return len;
}

/* Read count bytes off the queue as who writes them to a socket does. */
static void read_unwritten(const struct requests *queue, char *data, size_t count)
{
    struct evbuffer_ptr at;
    EXPECT_NUMBER(evbuffer_ptr_set(queue->bytes, &at, (size_t)(queue->written - queue->begin),
                                   EVBUFFER_PTR_SET),
                  0);
    EXPECT_NUMBER(evbuffer_copyout_from(queue->bytes, &at, data, count), count);
}

/* Write so many bytes; they must be those that are due. */
static void write_some(struct model *model, size_t count)
{
    struct bytes due = {0};
    struct entry *entry = model->entries;
    char *data = malloc(count + 1);
    EXPECT(data != NULL);
    if (count > 0) {
        read_unwritten(&model->queue, data, count);
    }
    while (due.len < count) {
        if (entry->written == entry->len) {
            entry++;
            continue;
        }
        char c = byte_of(entry->tag, entry->written++);
        bytes_add(&due, &c, 1);
    }
    bool same = count == 0 || memcmp(data, due.data, count) == 0;
    free(data);
    bytes_finish(&due);
    EXPECT(same);
    requests_note_written(&model->queue, count, ++model->now_us);
    note_sent(model);
}

static void pop(struct model *model, size_t count)
{
    requests_pop(&model->queue, (uint32_t)count);
    model->count -= count;
    memmove(model->entries, model->entries + count, model->count * sizeof(model->entries[0]));
}

/* What the queue cannot send again must be dropped by who rewinds it. */
static bool must_drop(const struct model *model, const struct entry *entry)
{
    bool lost_bytes = !model->queue.retain && (is_sent(entry) || entry->came_open);
    return entry->is_open || lost_bytes;
}

/* Lose the connection; drops(context, i) says which slots go besides those that must. */
static void rewind_without(struct model *model, bool (*drops)(void *context, size_t i),
                           void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct entry entry = model->entries[i];
        if (must_drop(model, &entry) || drops(context, i)) {
            requests_slot(&model->queue, (uint32_t)i)->flags |= SLOT_DROPPED;
            continue;
        }
        entry.written = 0;
        entry.sent_us = 0;
        model->entries[kept++] = entry;
    }
    model->count = kept;
    requests_rewind(&model->queue);
}

/* Whether the queue and the model say the same. */
static void compare(const struct model *model)
{
    const struct requests *queue = &model->queue;
    bool is_open = model->count > 0 && model->entries[model->count - 1].is_open;
    EXPECT_NUMBER(queue->count, model->count);
    EXPECT_NUMBER(queue->sent, sent(model));
    EXPECT_NUMBER(requests_unwritten(queue), unwritten(model));
    EXPECT_NUMBER(queue->is_open, is_open);
    EXPECT(queue->begin <= queue->written && queue->written <= queue->end);
    EXPECT_NUMBER(evbuffer_get_length(queue->bytes), queue->end - queue->begin);
    for (size_t i = 0; i < model->count; i++) {
        const struct slot *slot = requests_slot(queue, (uint32_t)i);
        EXPECT_NUMBER(slot->tag, model->entries[i].tag);
        EXPECT_NUMBER((slot->flags & SLOT_OPEN) != 0, model->entries[i].is_open);
        EXPECT_NUMBER((slot->flags & SLOT_JOINED) != 0, model->entries[i].is_joined);
        EXPECT(i >= queue->sent || slot->sent_us == model->entries[i].sent_us);
    }
}

static void write_all_and_pop(struct model *model)
{
    write_some(model, unwritten(model));
    compare(model);
    EXPECT_NUMBER(model->queue.sent, model->queue.count);
    if (model->count > 0) {
        pop(model, model->count);
    }
    compare(model);
    EXPECT_NUMBER(model->queue.end - model->queue.begin, 0);
}

/* -------------------------------------------------------------------------------------- writing */

static void a_request_is_sent_with_its_last_byte(void)
{
    for (int retains = 0; retains <= 1; retains++) {
        struct model *model = begin(retains);
        for (size_t len = 1; len <= 5; len++) {
            add(model, len, false);
        }
        while (unwritten(model) > 0) {
            write_some(model, 1);
            compare(model);
        }
        EXPECT_NUMBER(model->queue.sent, 5);
        write_all_and_pop(model);
    }
}

static void bytes_are_kept_until_sent_or_with_retain_until_answered(void)
{
    for (int retains = 0; retains <= 1; retains++) {
        struct model *model = begin(retains);
        const struct requests *queue = &model->queue;
        add(model, 4, false);
        add(model, 6, false);
        write_some(model, 3);
        EXPECT_NUMBER(queue->end - queue->begin, 10);
        write_some(model, 3);
        EXPECT_NUMBER(queue->end - queue->begin, retains ? 10 : 6);
        write_some(model, 4);
        EXPECT_NUMBER(queue->end - queue->begin, retains ? 10 : 0);
        pop(model, 1);
        EXPECT_NUMBER(queue->end - queue->begin, retains ? 6 : 0);
        pop(model, 1);
        EXPECT_NUMBER(queue->end - queue->begin, 0);
        compare(model);
    }
}

static void an_open_request_is_sent_only_when_closed(void)
{
    for (int retains = 0; retains <= 1; retains++) {
        struct model *model = begin(retains);
        add(model, 3, false);
        add(model, 5, true);
        write_some(model, 8);
        compare(model);
        EXPECT_NUMBER(model->queue.sent, 1);
        EXPECT_NUMBER(model->queue.end - model->queue.begin, retains ? 8 : 0);
        append(model, 4, false);
        write_some(model, 2);
        compare(model);
        append(model, 0, true);
        compare(model);
        EXPECT_NUMBER(model->queue.sent, 1);
        write_some(model, 2);
        compare(model);
        EXPECT_NUMBER(model->queue.sent, 2);
        write_all_and_pop(model);
    }
}

static void an_open_request_that_was_written_whole_is_sent_with_its_last_part(void)
{
    struct model *model = begin(false);
    add(model, 5, true);
    write_some(model, 5);
    append(model, 2, true);
    add(model, 1, false);
    write_some(model, 3);
    compare(model);
    EXPECT_NUMBER(model->queue.sent, 2);
    write_all_and_pop(model);
}

static void bytes_without_a_slot_pass_and_are_forgotten(void)
{
    struct model *model = begin(true);
    struct requests *queue = &model->queue;
    write_all_and_pop(model);
    queue->retain = false;
    evbuffer_add(queue->bytes, "tunnel", 6);
    queue->end += 6;
    EXPECT_NUMBER(requests_unwritten(queue), 6);
    requests_note_written(queue, 4, 0);
    EXPECT_NUMBER(evbuffer_get_length(queue->bytes), 2);
    requests_note_written(queue, 2, 0);
    EXPECT_NUMBER(evbuffer_get_length(queue->bytes), 0);
    EXPECT_NUMBER(requests_unwritten(queue), 0);
}

static void a_burst_is_kept_in_order_and_its_room_given_back(void)
{
    struct model *model = begin(false);
    for (size_t i = 0; i < 10; i++) {
        add(model, 1, false);
    }
    write_some(model, 10);
    pop(model, 7); /* the ring's first is not its beginning when it grows */
    for (size_t i = 0; i < MODEL_MAX - 10; i++) {
        add(model, 1 + i % 3, false);
    }
    compare(model);
    EXPECT_NUMBER(model->queue.cap, 4096);
    struct slot slot = {0};
    for (int i = 0; i < 200; i++) {
        requests_add(&model->queue, &slot, "", 0);
    }
    EXPECT_NUMBER(model->queue.cap, 8192);
    requests_note_written(&model->queue, requests_unwritten(&model->queue), 0);
    EXPECT_NUMBER(model->queue.sent, model->queue.count);
    requests_pop(&model->queue, model->queue.count);
    EXPECT_NUMBER(model->queue.cap, 16);
    model->count = 0;
    add(model, 3, false);
    write_all_and_pop(model);
}

/* ------------------------------------------------------------------------------------- rewinding
 */

static bool in_mask(void *mask, size_t i)
{
    return *(unsigned *)mask >> i & 1;
}

/* Queue requests of these lengths behind pre_count that come and go, write some, lose the
 * connection without the slots of the mask; what stays must be written whole. */
static void rewind_once(bool retains, const size_t *lens, size_t count, bool ends_open,
                        size_t write_count, unsigned mask, size_t pre_count)
{
    static struct model model;
    model.count = 0;
    model.made = 0;
    requests_init(&model.queue, retains);
    for (size_t i = 0; i < pre_count; i++) {
        add(&model, 2, false);
        write_some(&model, 2);
        pop(&model, 1);
    }
    for (size_t i = 0; i < count; i++) {
        add(&model, lens[i], ends_open && i == count - 1);
    }
    write_some(&model, write_count);
    rewind_without(&model, in_mask, &mask);
    compare(&model);
    EXPECT_NUMBER(model.queue.written, model.queue.begin);
    add(&model, 2, false);
    write_all_and_pop(&model);
    requests_finish(&model.queue);
}

/* Every number of bytes written, every choice of dropped slots. */
static void rewind_every_way(const size_t *lens, size_t count, bool retains, bool ends_open)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += lens[i];
    }
    for (size_t written = 0; written <= total; written++) {
        for (unsigned mask = 0; mask < 1U << count; mask++) {
            rewind_once(retains, lens, count, ends_open, written, mask, 0);
            rewind_once(retains, lens, count, ends_open, written, mask, 14); /* the ring wraps */
        }
    }
}

static void what_stays_is_written_from_its_beginning_in_order(void)
{
    const size_t most = is_slow() ? 3 : 4;
    for (size_t count = 0; count <= most; count++) {
        size_t shapes = (size_t)1 << (2 * count);
        for (size_t shape = 0; shape < shapes; shape++) {
            size_t lens[4] = {0};
            for (size_t i = 0; i < count; i++) {
                lens[i] = 1 + (shape >> (2 * i)) % 4;
            }
            rewind_every_way(lens, count, false, false);
            rewind_every_way(lens, count, true, false);
        }
    }
}

static void an_open_request_is_dropped_and_those_before_it_stay(void)
{
    const size_t lens[] = {2, 3, 4};
    for (size_t count = 1; count <= 3; count++) {
        rewind_every_way(lens, count, false, true);
        rewind_every_way(lens, count, true, true);
    }
}

/* ---------------------------------------------------------------------------------------- random
 */

static uint64_t state;

static uint32_t random_below(uint32_t most)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % most;
}

static bool at_random(void *context, size_t i)
{
    (void)context, (void)i;
    return random_below(3) == 0;
}

static void do_something(struct model *model)
{
    bool is_open = model->count > 0 && model->entries[model->count - 1].is_open;
    size_t left = unwritten(model);
    switch (random_below(6)) {
    case 0:
    case 1:
        if (is_open) {
            append(model, random_below(9), random_below(3) == 0);
        } else if (model->count < 60 && random_below(3) == 0) {
            add_run(model, 1 + random_below(16));
        } else if (model->count < 60) {
            add(model, 1 + random_below(9), random_below(4) == 0);
        }
        break;
    case 2:
    case 3:
        write_some(model, random_below((uint32_t)left + 1));
        break;
    case 4:
        if (sent(model) > 0) {
            pop(model, 1 + random_below((uint32_t)sent(model)));
        }
        break;
    default:
        if (random_below(8) == 0) {
            rewind_without(model, at_random, NULL);
        }
        break;
    }
}

static void any_life_of_a_queue_is_that_of_the_model(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%llu ", (unsigned long long)seed);
    state = seed;
    for (int retains = 0; retains <= 1; retains++) {
        struct model *model = begin(retains);
        for (int i = 0; i < 20000; i++) {
            do_something(model);
            compare(model);
        }
        if (model->count > 0 && model->entries[model->count - 1].is_open) {
            append(model, 1, true);
        }
        write_all_and_pop(model);
    }
}

static const struct test_case cases[] = {
    {"a request is sent with its last byte", a_request_is_sent_with_its_last_byte},
    {"bytes are kept until sent, or with retain until answered",
     bytes_are_kept_until_sent_or_with_retain_until_answered},
    {"an open request is sent only when closed", an_open_request_is_sent_only_when_closed},
    {"an open request that was written whole is sent with its last part",
     an_open_request_that_was_written_whole_is_sent_with_its_last_part},
    {"bytes without a slot pass and are forgotten", bytes_without_a_slot_pass_and_are_forgotten},
    {"a burst is kept in order and its room given back",
     a_burst_is_kept_in_order_and_its_room_given_back},
    {"what stays is written from its beginning, in order",
     what_stays_is_written_from_its_beginning_in_order},
    {"an open request is dropped and those before it stay",
     an_open_request_is_dropped_and_those_before_it_stay},
    {"any life of a queue is that of the model", any_life_of_a_queue_is_that_of_the_model},
};

SUITE_MAIN("requests", cases)
