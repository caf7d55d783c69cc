/* Keys and databases, whatever the type of their values. */
#include <limits.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/scan.h"

static const char *const type_names[] = {"string", "list", "set", "zset", "hash", "stream", "none"};

const char *frm_type_name(const struct value *value)
{
    return type_names[value ? value->type : TYPE_NONE];
}

void frm_cmd_del(struct call *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->argc; i++) {
        count += frm_find_in(c->db, &c->argv[i]) && frm_delete(c->db, &c->argv[i]);
    }
    frm_int(c->out, count);
}

void frm_cmd_exists(struct call *c)
{
    int64_t count = 0;
    for (size_t i = 1; i < c->argc; i++) {
        count += frm_find(c, &c->argv[i]) != NULL;
    }
    frm_int(c->out, count);
}

void frm_cmd_type(struct call *c)
{
    frm_status(c->out, frm_type_name(frm_find_in(c->db, &c->argv[1])));
}

void frm_cmd_keys(struct call *c)
{
    size_t mark = frm_later(c->out);
    int64_t count = 0;
    bool is_all = c->argv[1].len == 1 && c->argv[1].data[0] == '*';
    frm_expire_due(c->db);
    for (const struct entry *entry = frm_dict_next(&c->db->keys, NULL); entry;
         entry = frm_dict_next(&c->db->keys, entry)) {
        struct fr_word key = frm_word(entry->key);
        if (is_all || frm_glob(&c->argv[1], &key)) {
            frm_bulk_str(c->out, entry->key);
            count++;
        }
    }
    frm_later_array(c->out, mark, count);
}

void frm_cmd_randomkey(struct call *c)
{
    frm_expire_due(c->db);
    if (c->db->keys.live == 0) {
        frm_null(c->out);
    } else {
        frm_bulk_str(c->out, frm_dict_pick(&c->db->keys, frm_random(c->mock))->key);
    }
}

void frm_cmd_dbsize(struct call *c)
{
    frm_expire_due(c->db);
    frm_int(c->out, c->db->keys.live);
}

/* ------------------------------------------------------------------------------ to another place
 */

static void rename_key(struct call *c, bool may_replace)
{
    const struct fr_word *from = &c->argv[1], *to = &c->argv[2];
    if (!frm_find(c, from)) {
        frm_error(c->out, "ERR no such key");
        return;
    }
    bool is_same = frm_word_equal(from, to);
    if (!may_replace && (is_same || frm_find_in(c->db, to))) {
        frm_int(c->out, 0);
        return;
    }
    if (!is_same) {
        struct value *value = frm_take_out(c->db, from);
        frm_touch(c->db, from);
        if (value->type == TYPE_STREAM) {
            frm_ready(c->db, from, true);
        }
        frm_delete(c->db, to);
        frm_add(c->db, to, value);
        frm_touch(c->db, to);
    }
    if (may_replace) {
        frm_ok(c->out);
    } else {
        frm_int(c->out, 1);
    }
}

void frm_cmd_rename(struct call *c)
{
    rename_key(c, true);
}

void frm_cmd_renamenx(struct call *c)
{
    rename_key(c, false);
}

static bool read_db(struct call *c, size_t i, struct db **db)
{
    int64_t number;
    if (!frm_arg_range(c, i, INT_MIN, INT_MAX, &number, NULL)) {
        return false;
    }
    if (number < 0 || number >= DB_COUNT) {
        frm_error(c->out, "ERR DB index is out of range");
        return false;
    }
    *db = &c->mock->db[number];
    return true;
}

void frm_cmd_move(struct call *c)
{
    const struct fr_word *key = &c->argv[1];
    struct db *to;
    if (!read_db(c, 2, &to)) {
        return;
    }
    if (to == c->db) {
        frm_error(c->out, "ERR source and destination objects are the same");
        return;
    }
    if (!frm_find(c, key) || frm_find_in(to, key)) {
        frm_int(c->out, 0);
        return;
    }
    struct value *value = frm_take_out(c->db, key);
    if (value->type == TYPE_STREAM) {
        frm_ready(c->db, key, true);
    }
    frm_add(to, key, value);
    frm_touch(c->db, key);
    frm_touch(to, key);
    frm_int(c->out, 1);
}

void frm_cmd_copy(struct call *c)
{
    const struct fr_word *from = &c->argv[1], *to = &c->argv[2];
    struct db *db = c->db;
    bool may_replace = false;
    for (size_t i = 3; i < c->argc; i++) {
        if (frm_arg_is(c, i, "replace")) {
            may_replace = true;
        } else if (frm_arg_is(c, i, "db") && i + 1 < c->argc) {
            if (!read_db(c, ++i, &db)) {
                return;
            }
        } else {
            frm_error_syntax(c->out);
            return;
        }
    }
    if (db == c->db && frm_word_equal(from, to)) {
        frm_error(c->out, "ERR source and destination objects are the same");
        return;
    }
    const struct value *value = frm_find(c, from);
    if (!value || (frm_find_in(db, to) && !may_replace)) {
        frm_int(c->out, 0);
        return;
    }
    struct value *copy = frm_value_copy(&c->mock->heap, value);
    copy->number_form = copy->number_form == NUMBER_USUAL ? NUMBER_OWN : copy->number_form;
    frm_delete(db, to);
    frm_add(db, to, copy);
    frm_touch(db, to);
    frm_int(c->out, 1);
}

/* ------------------------------------------------------------------------------------- databases
 */

void frm_cmd_select(struct call *c)
{
    if (read_db(c, 1, &c->session->db)) {
        frm_ok(c->out);
    }
}

static bool read_swapped(struct call *c, size_t i, int64_t *number)
{
    return frm_arg_range(c, i, INT_MIN, INT_MAX, number,
                         i == 1 ? "ERR invalid first DB index" : "ERR invalid second DB index");
}

/* Who waits may find what it waits for in what its database holds now. */
static void announce_all(struct db *db)
{
    struct fr_mock_session *session;
    TAILQ_FOREACH(session, &db->mock->waiting, wait.link)
    {
        for (size_t i = 0; session->wait.db == db && i < session->wait.key_count; i++) {
            struct fr_word key = frm_word(session->wait.keys[i]);
            frm_ready(db, &key, frm_find_in(db, &key) == NULL);
        }
    }
}

void frm_cmd_swapdb(struct call *c)
{
    int64_t a, b;
    if (!read_swapped(c, 1, &a) || !read_swapped(c, 2, &b)) {
        return;
    }
    if (a < 0 || b < 0 || a >= DB_COUNT || b >= DB_COUNT) {
        frm_error(c->out, "ERR DB index is out of range");
        return;
    }
    struct db *first = &c->mock->db[a], *second = &c->mock->db[b];
    if (first != second) {
        frm_touch_all(first, false);
        frm_touch_all(second, false);
        struct dict keys = first->keys;
        int64_t soonest_ms = first->soonest_ms;
        first->keys = second->keys;
        first->soonest_ms = second->soonest_ms;
        second->keys = keys;
        second->soonest_ms = soonest_ms;
        frm_touch_all(first, false);
        frm_touch_all(second, false);
        announce_all(first);
        announce_all(second);
    }
    frm_ok(c->out);
}

static bool flush_option(struct call *c)
{
    if (c->argc == 1 || (c->argc == 2 && (frm_arg_is(c, 1, "sync") || frm_arg_is(c, 1, "async")))) {
        return true;
    }
    frm_error_syntax(c->out);
    return false;
}

void frm_cmd_flushdb(struct call *c)
{
    if (flush_option(c)) {
        frm_flush(c->db);
        frm_ok(c->out);
    }
}

void frm_cmd_flushall(struct call *c)
{
    if (flush_option(c)) {
        for (int i = 0; i < DB_COUNT; i++) {
            frm_flush(&c->mock->db[i]);
        }
        frm_ok(c->out);
    }
}

/* ---------------------------------------------------------------------------------------- OBJECT
 */

/* Look without using: OBJECT is not to change what it tells. */
static const struct value *object(struct call *c)
{
    const struct value *value = frm_find_in(c->db, &c->argv[2]);
    if (!value) {
        frm_null(c->out);
    }
    return value;
}

void frm_cmd_object_encoding(struct call *c)
{
    const struct value *value = object(c);
    if (value) {
        frm_bulk_text(c->out, frm_value_encoding(value));
    }
}

void frm_cmd_object_idletime(struct call *c)
{
    const struct value *value = object(c);
    if (value) {
        int64_t idle_ms = frm_now_ms(c->mock) - value->used_ms;
        frm_int(c->out, idle_ms > 0 ? idle_ms / 1000 : 0);
    }
}

void frm_cmd_object_refcount(struct call *c)
{
    const struct value *value = object(c);
    if (value) {
        /* small numbers are one object for all */
        bool is_small = value->type == TYPE_STRING &&
                        strcmp(frm_value_encoding(value), "int") == 0 && value->string->len <= 4 &&
                        value->string->data[0] != '-' && value->number_form == NUMBER_USUAL;
        frm_int(c->out, is_small ? INT_MAX : 1);
    }
}

void frm_cmd_object_freq(struct call *c)
{
    if (object(c)) {
        frm_error(c->out, "ERR An LFU maxmemory policy is not selected, access frequency not "
                          "tracked. Please note that when switching between policies at runtime "
                          "LRU and LFU data will take some time to adjust.");
    }
}

void frm_cmd_object_help(struct call *c)
{
    static const char *const lines[] = {
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        "HELP",
        "    Prints this help."};
    enum {
        LINES = sizeof(lines) / sizeof(lines[0])
    };
    frm_array(c->out, LINES);
    for (int i = 0; i < LINES; i++) {
        frm_status(c->out, lines[i]);
    }
}
