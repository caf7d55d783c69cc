/* SORT and SORT_RO of lists, sets and sorted sets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/list.h"
#include "common/mock/zset.h"

struct item {
    struct fr_word text;
    struct str *by; /* what it is compared by, where BY names keys; NULL: none there */
    double number;
    size_t place;
};

struct sorting {
    const struct fr_word *by, *store;
    size_t *gets; /* words of the GET patterns */
    size_t get_count;
    int64_t skip, limit;
    bool is_alpha, is_descending, keeps_order;
    struct item *items;
    size_t count;
};

/* ------------------------------------------------------------------------------------- arguments
 */

static bool read_options(struct call *c, struct sorting *sorting, bool may_store)
{
    for (size_t i = 2; i < c->argc; i++) {
        size_t left = c->argc - i - 1;
        if (frm_arg_is(c, i, "asc")) {
            sorting->is_descending = false;
        } else if (frm_arg_is(c, i, "desc")) {
            sorting->is_descending = true;
        } else if (frm_arg_is(c, i, "alpha")) {
            sorting->is_alpha = true;
        } else if (left >= 2 && frm_arg_is(c, i, "limit")) {
            if (!frm_arg_int(c, i + 1, &sorting->skip, NULL) ||
                !frm_arg_int(c, i + 2, &sorting->limit, NULL)) {
                return false;
            }
            i += 2;
        } else if (may_store && left >= 1 && frm_arg_is(c, i, "store")) {
            sorting->store = &c->argv[++i];
        } else if (left >= 1 && frm_arg_is(c, i, "by")) {
            sorting->by = &c->argv[++i];
            sorting->keeps_order = memchr(sorting->by->data, '*', sorting->by->len) == NULL;
        } else if (left >= 1 && frm_arg_is(c, i, "get")) {
            sorting->gets[sorting->get_count++] = ++i;
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

/* --------------------------------------------------------------------------------------- patterns
 */

/* The string that a pattern names for an item: "prefix*suffix", a field behind "->", or the item
 * itself for "#". NULL: there is none. The caller frees it. */
static struct str *look_up(struct call *c, const struct fr_word *pattern,
                           const struct fr_word *item)
{
    struct heap *heap = &c->mock->heap;
    if (pattern->len == 1 && pattern->data[0] == '#') {
        return frm_str_of(heap, item);
    }
    const char *star = memchr(pattern->data, '*', pattern->len);
    if (!star) {
        return NULL;
    }
    size_t before = (size_t)(star - pattern->data);
    const char *end = pattern->data + pattern->len;
    const char *arrow = memmem(star + 1, (size_t)(end - star - 1), "->", 2);
    bool has_field = arrow && arrow + 2 < end;
    size_t after = (size_t)((has_field ? arrow : end) - star - 1);
    struct str *name = frm_str(heap, pattern->data, before);
    name = frm_str_resize(name, before + item->len + after);
    memcpy(name->data + before, item->data, item->len);
    memcpy(name->data + before + item->len, star + 1, after);
    struct fr_word key = frm_word(name);
    const struct value *value = frm_find(c, &key);
    const struct str *found = NULL;
    if (value && has_field && value->type == TYPE_HASH) {
        struct fr_word field = {arrow + 2, (size_t)(end - arrow) - 2};
        const struct entry *entry = frm_dict_find(&value->dict, &field);
        found = entry ? entry->value : NULL;
    } else if (value && !has_field && value->type == TYPE_STRING) {
        found = value->string;
    }
    frm_free(name);
    return found ? frm_str(heap, found->data, found->len) : NULL;
}

/* ------------------------------------------------------------------------------------------ items
 */

static void add_item(struct sorting *sorting, const struct str *text)
{
    sorting->items[sorting->count] = (struct item){.text = frm_word(text), .place = sorting->count};
    sorting->count++;
}

static size_t size_of(const struct value *value)
{
    return !value                     ? 0
           : value->type == TYPE_LIST ? value->list.count
           : value->type == TYPE_SET  ? value->dict.live
                                      : value->zset.order->count;
}

static void collect(struct call *c, struct sorting *sorting, const struct value *value)
{
    sorting->items = frm_alloc(&c->mock->heap, (size_of(value) + 1) * sizeof(struct item));
    if (!value) {
        return;
    }
    if (value->type == TYPE_LIST) {
        bool from_end = sorting->keeps_order && sorting->is_descending;
        for (size_t i = 0, count = value->list.count; i < count; i++) {
            add_item(sorting, *frm_list_at(&value->list, from_end ? count - 1 - i : i));
        }
    } else if (value->type == TYPE_SET) {
        for (const struct entry *entry = NULL; (entry = frm_dict_next(&value->dict, entry));) {
            add_item(sorting, entry->key);
        }
    } else {
        const struct node *node = sorting->is_descending ? value->zset.order->last
                                                         : frm_skiplist_at(value->zset.order, 0);
        for (; node; node = sorting->is_descending ? node->before : frm_skiplist_next(node)) {
            add_item(sorting, node->member);
        }
    }
}

/* As Redis reads a weight: strtod up to the end, NUL included; nothing is 0. */
static bool read_weight(const char *text, double *number)
{
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    return *end == '\0' && errno != ERANGE && !(*number != *number);
}

static bool weigh(struct call *c, struct sorting *sorting)
{
    for (size_t i = 0; i < sorting->count && !sorting->keeps_order; i++) {
        struct item *item = &sorting->items[i];
        if (sorting->by) {
            item->by = look_up(c, sorting->by, &item->text);
        }
        const char *weight = item->by ? item->by->data : sorting->by ? NULL : item->text.data;
        if (!sorting->is_alpha && weight && !read_weight(weight, &item->number)) {
            frm_error(c->out, "ERR One or more scores can't be converted into double");
            return false;
        }
    }
    return true;
}

/* qsort has no context: what it needs stands in every item's order already, or here. */
static int compare_text(const struct item *a, const struct item *b, bool is_stored)
{
    return is_stored ? frm_word_compare(&a->text, &b->text) : strcoll(a->text.data, b->text.data);
}

static int compare_by(const struct item *a, const struct item *b, bool is_stored)
{
    if (!a->by || !b->by) {
        return (a->by != NULL) - (b->by != NULL);
    }
    struct fr_word x = frm_word(a->by), y = frm_word(b->by);
    return is_stored ? frm_word_compare(&x, &y) : strcoll(x.data, y.data);
}

static int compare(const void *first, const void *second, void *context)
{
    const struct item *a = first, *b = second;
    const struct sorting *sorting = context;
    int order;
    if (!sorting->is_alpha) {
        order = (a->number > b->number) - (a->number < b->number);
        order = order ? order : frm_word_compare(&a->text, &b->text);
    } else if (sorting->by) {
        order = compare_by(a, b, sorting->store != NULL);
    } else {
        order = compare_text(a, b, sorting->store != NULL);
    }
    order = sorting->is_descending ? -order : order;
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* --------------------------------------------------------------------------------------- replying
 */

/* LIMIT's part of the items. */
static void limit(const struct sorting *sorting, size_t *first, size_t *end)
{
    int64_t total = (int64_t)sorting->count;
    int64_t from = sorting->skip < 0 ? 0 : sorting->skip > total ? total : sorting->skip;
    int64_t to =
        sorting->limit < 0 || sorting->limit > total - from ? total : from + sorting->limit;
    *first = (size_t)from;
    *end = (size_t)to;
}

static void reply(struct call *c, const struct sorting *sorting, size_t first, size_t end)
{
    size_t each = sorting->get_count ? sorting->get_count : 1;
    frm_array(c->out, (int64_t)((end - first) * each));
    for (size_t i = first; i < end; i++) {
        const struct fr_word *text = &sorting->items[i].text;
        if (sorting->get_count == 0) {
            frm_bulk(c->out, text->data, text->len);
        }
        for (size_t g = 0; g < sorting->get_count; g++) {
            struct str *got = look_up(c, &c->argv[sorting->gets[g]], text);
            if (got) {
                frm_bulk_str(c->out, got);
            } else {
                frm_null(c->out);
            }
            frm_free(got);
        }
    }
}

static void store(struct call *c, const struct sorting *sorting, size_t first, size_t end)
{
    struct value *result = frm_value_new(&c->mock->heap, TYPE_LIST);
    for (size_t i = first; i < end; i++) {
        const struct fr_word *text = &sorting->items[i].text;
        if (sorting->get_count == 0) {
            frm_list_insert(&result->list, result->list.count, frm_str_of(&c->mock->heap, text));
        }
        for (size_t g = 0; g < sorting->get_count; g++) {
            struct str *got = look_up(c, &c->argv[sorting->gets[g]], text);
            frm_list_insert(&result->list, result->list.count,
                            got ? got : frm_str(&c->mock->heap, "", 0));
        }
    }
    int64_t count = (int64_t)result->list.count;
    if (count > 0) {
        frm_replace(c->db, sorting->store, result);
    } else {
        frm_value_free(result);
        frm_delete(c->db, sorting->store);
    }
    frm_int(c->out, count);
}

static void run(struct call *c, struct sorting *sorting, bool may_store)
{
    if (!read_options(c, sorting, may_store)) {
        return;
    }
    struct value *value = frm_find(c, &c->argv[1]);
    if (value && value->type != TYPE_LIST && value->type != TYPE_SET && value->type != TYPE_ZSET) {
        frm_wrong_type(c->out);
        return;
    }
    if (value && value->type == TYPE_ZSET) {
        value->is_large = true; /* Redis makes it a skip list for good */
    }
    /* what has no order of its own gets one where the result is kept */
    if (sorting->keeps_order && value && value->type == TYPE_SET &&
        (sorting->store || c->mock->in_script)) {
        sorting->keeps_order = false;
        sorting->is_alpha = true;
        sorting->by = NULL;
    }
    collect(c, sorting, value);
    if (!weigh(c, sorting)) {
        return;
    }
    if (!sorting->keeps_order) {
        qsort_r(sorting->items, sorting->count, sizeof(struct item), compare, sorting);
    }
    size_t first, end;
    limit(sorting, &first, &end);
    if (sorting->store) {
        store(c, sorting, first, end);
    } else {
        reply(c, sorting, first, end);
    }
}

static void sort(struct call *c, bool may_store)
{
    struct sorting sorting = {.limit = -1};
    sorting.gets = frm_alloc(&c->mock->heap, c->argc * sizeof(size_t));
    run(c, &sorting, may_store);
    for (size_t i = 0; i < sorting.count; i++) {
        frm_free(sorting.items[i].by);
    }
    frm_free(sorting.items);
    frm_free(sorting.gets);
}

void frm_cmd_sort(struct call *c)
{
    sort(c, true);
}

void frm_cmd_sort_ro(struct call *c)
{
    sort(c, false);
}
