/* Commands about lists. */
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/list.h"
#include "common/mock/list_ends.h"

static bool find_list(struct call *c, struct value **value)
{
    return frm_find_type(c, &c->argv[1], TYPE_LIST, value);
}

/* From a place as clients mean it (negative: from the end) to one from 0; may be outside. */
static int64_t place_of(const struct value *value, int64_t place)
{
    return place < 0 ? place + (int64_t)value->list.count : place;
}

static void push(struct call *c, bool is_left, bool must_exist)
{
    struct value *value;
    if (!find_list(c, &value)) {
        return;
    }
    if (!value && must_exist) {
        frm_int(c->out, 0);
        return;
    }
    value = value ? value : frm_find_or_make(c, &c->argv[1], TYPE_LIST);
    for (size_t i = 2; i < c->argc; i++) {
        frm_list_insert(&value->list, is_left ? 0 : value->list.count,
                        frm_str_of(&c->mock->heap, &c->argv[i]));
    }
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, (int64_t)value->list.count);
}

void frm_cmd_lpush(struct call *c)
{
    push(c, true, false);
}

void frm_cmd_rpush(struct call *c)
{
    push(c, false, false);
}

void frm_cmd_lpushx(struct call *c)
{
    push(c, true, true);
}

void frm_cmd_rpushx(struct call *c)
{
    push(c, false, true);
}

static void pop(struct call *c, bool is_left)
{
    struct value *value;
    int64_t count = 1;
    bool has_count = c->argc == 3;
    if (c->argc > 3) {
        frm_error(c->out, "ERR wrong number of arguments for '%s' command", c->row->name);
        return;
    }
    if ((has_count && !frm_arg_range(c, 2, 0, INT64_MAX, &count, NULL)) || !find_list(c, &value)) {
        return;
    }
    if (!value) {
        if (has_count) {
            frm_null_array(c->out);
        } else {
            frm_null(c->out);
        }
        return;
    }
    if (!has_count) {
        frm_list_pop_one(c, &c->argv[1], value, is_left);
    } else if (count == 0) {
        frm_array(c->out, 0);
    } else {
        frm_list_pop_many(c, &c->argv[1], value, is_left, count);
    }
}

void frm_cmd_lpop(struct call *c)
{
    pop(c, true);
}

void frm_cmd_rpop(struct call *c)
{
    pop(c, false);
}

void frm_cmd_llen(struct call *c)
{
    struct value *value;
    if (find_list(c, &value)) {
        frm_int(c->out, value ? (int64_t)value->list.count : 0);
    }
}

void frm_cmd_lindex(struct call *c)
{
    struct value *value;
    int64_t place;
    if (!find_list(c, &value)) {
        return;
    }
    if (!value) {
        frm_null(c->out);
        return;
    }
    if (!frm_arg_int(c, 2, &place, NULL)) {
        return;
    }
    place = place_of(value, place);
    if (place < 0 || place >= (int64_t)value->list.count) {
        frm_null(c->out);
    } else {
        frm_bulk_str(c->out, *frm_list_at(&value->list, (size_t)place));
    }
}

void frm_cmd_lset(struct call *c)
{
    struct value *value;
    int64_t place;
    if (!find_list(c, &value)) {
        return;
    }
    if (!value) {
        frm_error(c->out, "ERR no such key");
        return;
    }
    if (!frm_arg_int(c, 2, &place, NULL)) {
        return;
    }
    place = place_of(value, place);
    if (place < 0 || place >= (int64_t)value->list.count) {
        frm_error(c->out, "ERR index out of range");
        return;
    }
    struct str **item = frm_list_at(&value->list, (size_t)place);
    frm_free(*item);
    *item = frm_str_of(&c->mock->heap, &c->argv[3]);
    frm_touch(c->db, &c->argv[1]);
    frm_ok(c->out);
}

/* Read first and last (words 2 and 3) and find the list they are about, in that order. */
static bool read_range(struct call *c, struct value **value, int64_t *first, int64_t *last)
{
    if (!frm_arg_int(c, 2, first, NULL) || !frm_arg_int(c, 3, last, NULL) || !find_list(c, value)) {
        return false;
    }
    if (*value) {
        int64_t count = (int64_t)(*value)->list.count;
        *first = place_of(*value, *first);
        *last = place_of(*value, *last);
        *first = *first < 0 ? 0 : *first;
        *last = *last >= count ? count - 1 : *last;
    }
    return true;
}

void frm_cmd_lrange(struct call *c)
{
    struct value *value;
    int64_t first, last;
    if (!read_range(c, &value, &first, &last)) {
        return;
    }
    if (!value || first > last) {
        frm_array(c->out, 0);
        return;
    }
    frm_array(c->out, last - first + 1);
    for (; first <= last; first++) {
        frm_bulk_str(c->out, *frm_list_at(&value->list, (size_t)first));
    }
}

void frm_cmd_ltrim(struct call *c)
{
    struct value *value;
    int64_t first, last;
    if (!read_range(c, &value, &first, &last)) {
        return;
    }
    if (value) {
        size_t count = value->list.count;
        if (first > last) {
            frm_list_cut(&value->list, 0, count);
        } else {
            frm_list_cut(&value->list, (size_t)last + 1, count - (size_t)last - 1);
            frm_list_cut(&value->list, 0, (size_t)first);
        }
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_ok(c->out);
}

static bool item_is(const struct value *value, size_t place, const struct fr_word *text)
{
    struct fr_word item = frm_word(*frm_list_at(&value->list, place));
    return frm_word_equal(&item, text);
}

void frm_cmd_lrem(struct call *c)
{
    struct value *value;
    int64_t most, removed = 0;
    if (!frm_arg_int(c, 2, &most, NULL) || !find_list(c, &value)) {
        return;
    }
    bool from_end = most < 0;
    most = most == INT64_MIN ? 0 : from_end ? -most : most; /* the least number has no opposite */
    size_t left = value ? value->list.count : 0;
    for (size_t place = from_end ? left - 1 : 0; left > 0 && (most == 0 || removed < most);
         left--) {
        bool is_it = item_is(value, place, &c->argv[3]);
        if (is_it) {
            frm_free(frm_list_take(&value->list, place));
            removed++;
        }
        place = from_end ? place - 1 : is_it ? place : place + 1;
    }
    if (removed > 0) {
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_int(c->out, removed);
}

void frm_cmd_linsert(struct call *c)
{
    struct value *value;
    bool is_after = frm_arg_is(c, 2, "after");
    if (!is_after && !frm_arg_is(c, 2, "before")) {
        frm_error_syntax(c->out);
        return;
    }
    if (!find_list(c, &value)) {
        return;
    }
    size_t place = 0;
    while (value && place < value->list.count && !item_is(value, place, &c->argv[3])) {
        place++;
    }
    if (!value || place == value->list.count) {
        frm_int(c->out, value ? -1 : 0);
        return;
    }
    frm_list_insert(&value->list, place + is_after, frm_str_of(&c->mock->heap, &c->argv[4]));
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, (int64_t)value->list.count);
}

/* ------------------------------------------------------------------------------------------ LPOS
 */

struct search {
    int64_t rank, count, most; /* count -1: the first one only, not as an array */
};

static bool read_search(struct call *c, struct search *search)
{
    for (size_t i = 3; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && frm_arg_is(c, i, "rank")) {
            if (!frm_arg_int(c, i + 1, &search->rank, NULL)) {
                return false;
            }
            if (search->rank == 0) {
                frm_error(c->out,
                          "ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                          "the second ... or use negative to start from the end of the list");
                return false;
            }
        } else if (has_value && frm_arg_is(c, i, "count")) {
            if (!frm_arg_range(c, i + 1, 0, INT64_MAX, &search->count,
                               "ERR COUNT can't be negative")) {
                return false;
            }
        } else if (has_value && frm_arg_is(c, i, "maxlen")) {
            if (!frm_arg_range(c, i + 1, 0, INT64_MAX, &search->most,
                               "ERR MAXLEN can't be negative")) {
                return false;
            }
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

/* Write the places found; returns how many. */
static int64_t search_list(struct call *c, const struct value *value, const struct search *search)
{
    bool from_end = search->rank < 0;
    int64_t to_skip = search->rank == INT64_MIN ? 0 /* as Redis, which negates it */
                      : from_end                ? -search->rank - 1
                                                : search->rank - 1;
    int64_t total = (int64_t)value->list.count, found = 0;
    int64_t wanted = search->count == -1 ? 1 : search->count;
    for (int64_t i = 0; i < total && (search->most == 0 || i < search->most); i++) {
        int64_t place = from_end ? total - 1 - i : i;
        if (!item_is(value, (size_t)place, &c->argv[2]) || to_skip-- > 0) {
            continue;
        }
        frm_int(c->out, place);
        if (++found == wanted) {
            break;
        }
    }
    return found;
}

void frm_cmd_lpos(struct call *c)
{
    struct search search = {1, -1, 0};
    struct value *value;
    if (!read_search(c, &search) || !find_list(c, &value)) {
        return;
    }
    size_t mark = frm_later(c->out);
    int64_t found = value ? search_list(c, value, &search) : 0;
    if (search.count != -1) {
        frm_later_array(c->out, mark, found);
    } else if (found == 0) {
        frm_null(c->out);
    }
}
