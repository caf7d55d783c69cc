/* MOCK: what a test orders. Over RESP the same as from C (mock.h). */
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/number.h"

static void clock_order(struct call *c)
{
    int64_t ms;
    if (c->argc == 3 && frm_arg_is(c, 2, "run")) {
        fr_mock_clock_run(c->mock);
    } else if (c->argc == 3 && frm_arg_is(c, 2, "stop")) {
        fr_mock_clock_stop(c->mock);
    } else if (c->argc == 4 && (frm_arg_is(c, 2, "set") || frm_arg_is(c, 2, "move"))) {
        if (!frm_arg_range(c, 3, -(INT64_MAX / 2000), INT64_MAX / 2000, &ms, NULL)) {
            return;
        }
        if (frm_arg_is(c, 2, "set")) {
            fr_mock_clock_set(c->mock, ms * 1000);
        } else {
            fr_mock_clock_move(c->mock, ms * 1000);
        }
    } else {
        frm_error_syntax(c->out);
        return;
    }
    frm_ok(c->out);
}

static bool read_count(struct call *c, int64_t *count)
{
    return frm_arg_range(c, 2, 0, INT64_MAX, count, NULL);
}

static void fail_order(struct call *c)
{
    int64_t count;
    if (c->argc != 4) {
        frm_error_syntax(c->out);
    } else if (read_count(c, &count)) {
        fr_mock_fail(c->mock, (uint64_t)count, c->argv[3].data, c->argv[3].len);
        frm_ok(c->out);
    }
}

static void delay_order(struct call *c)
{
    int64_t count, ms;
    if (c->argc != 4) {
        frm_error_syntax(c->out);
    } else if (read_count(c, &count) && frm_arg_range(c, 3, 0, 1000000000, &ms, NULL)) {
        fr_mock_delay(c->mock, (uint64_t)count, ms * 1000);
        frm_ok(c->out);
    }
}

static void drop_order(struct call *c)
{
    int64_t count;
    if (c->argc != 3) {
        frm_error_syntax(c->out);
    } else if (read_count(c, &count)) {
        fr_mock_drop(c->mock, (uint64_t)count);
        frm_ok(c->out);
    }
}

static void seed_order(struct call *c)
{
    int64_t seed;
    if (c->argc != 3) {
        frm_error_syntax(c->out);
    } else if (frm_arg_int(c, 2, &seed, NULL)) {
        fr_mock_seed(c->mock, (uint64_t)seed);
        frm_ok(c->out);
    }
}

static void snapshot_order(struct call *c)
{
    if (c->argc != 3) {
        frm_error_syntax(c->out);
    } else if (!frm_heap_has_room(&c->mock->heap, c->mock->heap.used)) {
        frm_error(c->out, "OOM command not allowed when used memory > 'maxmemory'.");
    } else {
        fr_mock_snapshot(c->mock, c->argv[2].data, c->argv[2].len);
        frm_ok(c->out);
    }
}

static void restore_order(struct call *c)
{
    if (c->argc != 3) {
        frm_error_syntax(c->out);
    } else if (fr_mock_restore(c->mock, c->argv[2].data, c->argv[2].len)) {
        frm_ok(c->out);
    } else {
        frm_error(c->out, "ERR no such snapshot");
    }
}

static void reset_order(struct call *c)
{
    if (c->argc != 2) {
        frm_error_syntax(c->out);
        return;
    }
    fr_mock_reset(c->mock);
    frm_ok(c->out);
}

static const struct {
    const char *name;
    void (*run)(struct call *c);
} orders[] = {
    {"clock", clock_order}, {"fail", fail_order},       {"delay", delay_order},
    {"drop", drop_order},   {"seed", seed_order},       {"snapshot", snapshot_order},
    {"reset", reset_order}, {"restore", restore_order},
};

void frm_cmd_mock(struct call *c)
{
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (frm_arg_is(c, 1, orders[i].name)) {
            orders[i].run(c);
            return;
        }
    }
    frm_error(c->out,
              "ERR unknown subcommand '%.*s'. There are CLOCK, DELAY, DROP, FAIL, RESET, "
              "RESTORE, SEED and SNAPSHOT.",
              c->argv[1].len < 128 ? (int)c->argv[1].len : 128, c->argv[1].data);
}

/* ----------------------------------------------------------------------------------------- orders
 */

bool frm_ordered(struct call *c)
{
    struct orders *ordered = &c->mock->orders;
    if (ordered->drop_count > 0) {
        ordered->drop_count--;
        frm_session_end(c->session);
        return true;
    }
    if (ordered->delay_count > 0) {
        ordered->delay_count--;
        c->session->flags |= HOLD;
    }
    if (ordered->fail_count > 0) {
        ordered->fail_count--;
        frm_error(c->out, "%s", ordered->error->data);
        return true;
    }
    return false;
}

void fr_mock_fail(struct fr_mock *mock, uint64_t count, const char *error, size_t error_len)
{
    frm_free(mock->orders.error);
    mock->orders.error = frm_str(&mock->heap, error, error_len);
    mock->orders.fail_count = count;
}

void fr_mock_delay(struct fr_mock *mock, uint64_t count, int64_t delay_us)
{
    mock->orders.delay_count = count;
    mock->orders.delay_us = delay_us;
}

void fr_mock_drop(struct fr_mock *mock, uint64_t count)
{
    mock->orders.drop_count = count;
}

void frm_orders_clear(struct fr_mock *mock)
{
    frm_free(mock->orders.error);
    mock->orders = (struct orders){0};
}

/* -------------------------------------------------------------------------------------- snapshots
 */

struct snapshot {
    struct dict keys[DB_COUNT];
};

static void snapshot_free(void *what)
{
    struct snapshot *snapshot = what;
    for (int i = 0; i < DB_COUNT; i++) {
        frm_dict_finish(&snapshot->keys[i], frm_value_free);
    }
    frm_free(snapshot);
}

void fr_mock_snapshot(struct fr_mock *mock, const char *name, size_t name_len)
{
    struct snapshot *snapshot = frm_alloc(&mock->heap, sizeof(*snapshot));
    for (int i = 0; i < DB_COUNT; i++) {
        frm_dict_init(&snapshot->keys[i], &mock->heap);
        for (const struct entry *entry = NULL; (entry = frm_dict_next(&mock->db[i].keys, entry));) {
            struct fr_word key = frm_word(entry->key);
            frm_dict_put(&snapshot->keys[i], &key, NULL)->value =
                frm_value_copy(&mock->heap, entry->value);
        }
    }
    const struct fr_word word = {name, name_len};
    struct entry *entry = frm_dict_put(&mock->snapshots, &word, NULL);
    if (entry->value) {
        snapshot_free(entry->value);
    }
    entry->value = snapshot;
}

bool fr_mock_restore(struct fr_mock *mock, const char *name, size_t name_len)
{
    const struct fr_word word = {name, name_len};
    const struct entry *found = frm_dict_find(&mock->snapshots, &word);
    if (!found) {
        return false;
    }
    const struct snapshot *snapshot = found->value;
    for (int i = 0; i < DB_COUNT; i++) {
        frm_flush(&mock->db[i]);
        for (const struct entry *entry = NULL;
             (entry = frm_dict_next(&snapshot->keys[i], entry));) {
            struct fr_word key = frm_word(entry->key);
            frm_add(&mock->db[i], &key, frm_value_copy(&mock->heap, entry->value));
            frm_touch(&mock->db[i], &key);
        }
    }
    return true;
}

void fr_mock_reset(struct fr_mock *mock)
{
    for (int i = 0; i < DB_COUNT; i++) {
        frm_flush(&mock->db[i]);
    }
    frm_dict_finish(&mock->snapshots, snapshot_free);
    frm_scripts_free(mock);
    frm_orders_clear(mock);
    fr_mock_clock_run(mock);
}
