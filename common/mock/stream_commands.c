/* Commands about entries: XADD, XTRIM, XDEL, XLEN, XRANGE, XREVRANGE, XSETID. */
#include "common/mock/commands.h"
#include "common/mock/stream.h"

static bool find_stream(struct call *c, struct value **value)
{
    return frm_find_type(c, &c->argv[1], TYPE_STREAM, value);
}

/* --------------------------------------------------------------------------------------- trimming
 */

enum strategy {
    TRIM_NONE,
    TRIM_MAXLEN,
    TRIM_MINID
};

struct adding {
    enum strategy strategy;
    bool is_approximate, has_limit, must_exist;
    int64_t max_len, limit;
    struct stream_id min_id;
    bool has_id, has_seq;
    struct stream_id id;
    size_t id_at;
};

static bool read_threshold(struct call *c, size_t *i, struct adding *adding, bool is_min_id)
{
    if (adding->strategy != TRIM_NONE) {
        frm_error(c->out, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                          "compatible");
        return false;
    }
    const struct fr_word *next = &c->argv[*i + 1];
    bool has_sign =
        c->argc - *i > 2 && next->len == 1 && (next->data[0] == '~' || next->data[0] == '=');
    adding->is_approximate = has_sign && next->data[0] == '~';
    *i += has_sign ? 2 : 1;
    adding->strategy = is_min_id ? TRIM_MINID : TRIM_MAXLEN;
    if (is_min_id) {
        return frm_arg_id(c, *i, 0, &adding->min_id, NULL);
    }
    if (!frm_arg_int(c, *i, &adding->max_len, NULL)) {
        return false;
    }
    if (adding->max_len < 0) {
        frm_error(c->out, "ERR The MAXLEN argument must be >= 0.");
    }
    return adding->max_len >= 0;
}

static bool read_limit(struct call *c, size_t i, struct adding *adding)
{
    if (!frm_arg_int(c, i, &adding->limit, NULL)) {
        return false;
    }
    adding->has_limit = true;
    if (adding->limit < 0) {
        frm_error(c->out, "ERR The LIMIT argument must be >= 0.");
    }
    return adding->limit >= 0;
}

/* Options up to the id of XADD, or to the end of XTRIM. */
static bool read_options(struct call *c, struct adding *adding, bool is_add)
{
    size_t i = 2;
    for (; i < c->argc; i++) {
        bool has_more = i + 1 < c->argc;
        if (is_add && c->argv[i].len == 1 && c->argv[i].data[0] == '*') {
            break;
        }
        if (has_more && (frm_arg_is(c, i, "maxlen") || frm_arg_is(c, i, "minid"))) {
            if (!read_threshold(c, &i, adding, frm_arg_is(c, i, "minid"))) {
                return false;
            }
        } else if (has_more && frm_arg_is(c, i, "limit")) {
            if (!read_limit(c, ++i, adding)) {
                return false;
            }
        } else if (is_add && frm_arg_is(c, i, "nomkstream")) {
            adding->must_exist = true;
        } else if (is_add) {
            adding->has_id = true;
            if (!frm_arg_id(c, i, 0, &adding->id, &adding->has_seq)) {
                return false;
            }
            break;
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    adding->id_at = i;
    return true;
}

static bool options_fit(struct call *c, struct adding *adding, bool is_add)
{
    enum {
        USUAL_LIMIT = 100 * 100 /* of entries in a node */
    };
    if (adding->limit > 0 && adding->strategy == TRIM_NONE) {
        frm_error(c->out, "ERR syntax error, LIMIT cannot be used without specifying a trimming "
                          "strategy");
    } else if (!is_add && adding->strategy == TRIM_NONE) {
        frm_error(c->out, "ERR syntax error, XTRIM must be called with a trimming strategy");
    } else if (adding->has_limit && !adding->is_approximate) {
        frm_error(c->out, "ERR syntax error, LIMIT cannot be used without the special ~ option");
    } else {
        adding->limit = !adding->has_limit && adding->is_approximate ? USUAL_LIMIT : adding->limit;
        return true;
    }
    return false;
}

static bool is_to_go(const struct stream *stream, const struct adding *adding, size_t place,
                     size_t gone)
{
    if (adding->strategy == TRIM_MAXLEN) {
        return frm_stream_len(stream) - gone > (uint64_t)adding->max_len;
    }
    return frm_id_compare(frm_stream_at(stream, place)->id, adding->min_id) < 0;
}

/* Where the node that begins at place ends. */
static size_t node_end(const struct stream *stream, size_t place)
{
    size_t end = place + 1;
    while (end < frm_stream_len(stream) && !frm_stream_at(stream, end)->begins_node) {
        end++;
    }
    return end;
}

/* How many entries at the front are to go; whole nodes where an approximation is enough. */
static size_t count_to_go(const struct stream *stream, const struct adding *adding)
{
    size_t gone = 0;
    while (gone < frm_stream_len(stream)) {
        size_t end = node_end(stream, gone);
        if (adding->limit > 0 && end > (uint64_t)adding->limit) {
            break;
        }
        bool node_goes = adding->strategy == TRIM_MAXLEN
                             ? frm_stream_len(stream) - end >= (uint64_t)adding->max_len &&
                                   frm_stream_len(stream) - gone > (uint64_t)adding->max_len
                             : is_to_go(stream, adding, end - 1, end - 1);
        if (node_goes) {
            gone = end;
            continue;
        }
        while (!adding->is_approximate && gone < end && is_to_go(stream, adding, gone, gone)) {
            gone++;
        }
        break;
    }
    return gone;
}

static int64_t trim(struct stream *stream, const struct adding *adding)
{
    size_t count = adding->strategy == TRIM_NONE ? 0 : count_to_go(stream, adding);
    frm_stream_drop(stream, count);
    return (int64_t)count;
}

void frm_cmd_xtrim(struct call *c)
{
    struct adding adding = {0};
    struct value *value;
    if (!read_options(c, &adding, false) || !options_fit(c, &adding, false) ||
        !find_stream(c, &value)) {
        return;
    }
    int64_t count = value ? trim(value->stream, &adding) : 0;
    if (count > 0) {
        frm_touch(c->db, &c->argv[1]);
    }
    frm_int(c->out, count);
}

/* ----------------------------------------------------------------------------------------- adding
 */

/* The id the next entry gets; false: it would not be behind the last. */
static bool next_id(const struct call *c, const struct stream *stream, const struct adding *adding,
                    struct stream_id *id)
{
    *id = adding->id;
    if (!adding->has_id) {
        uint64_t now_ms = (uint64_t)frm_now_ms(c->mock);
        *id = (struct stream_id){now_ms, 0};
        if (now_ms <= stream->last.ms) {
            *id = stream->last;
            return frm_id_next(id);
        }
    } else if (!adding->has_seq && id->ms == stream->last.ms) {
        if (stream->last.seq == UINT64_MAX) {
            return false;
        }
        id->seq = stream->last.seq + 1;
    }
    return frm_id_compare(*id, stream->last) > 0;
}

static void append(struct call *c, struct stream *stream, const struct adding *adding)
{
    struct stream_id id;
    size_t first = adding->id_at + 1;
    if (frm_id_compare(stream->last, ID_MAX) == 0) {
        frm_error(c->out, "ERR The stream has exhausted the last possible ID, unable to add more "
                          "items");
        return;
    }
    if (!next_id(c, stream, adding, &id)) {
        frm_error(c->out, "ERR The ID specified in XADD is equal or smaller than the target stream "
                          "top item");
        return;
    }
    frm_stream_append(stream, id, c->argv + first, (c->argc - first) / 2);
    frm_id_reply(c->out, id);
    trim(stream, adding);
    frm_touch(c->db, &c->argv[1]);
    frm_ready(c->db, &c->argv[1], false);
}

void frm_cmd_xadd(struct call *c)
{
    struct adding adding = {0};
    struct value *value;
    if (!read_options(c, &adding, true) || !options_fit(c, &adding, true)) {
        return;
    }
    size_t words = c->argc > adding.id_at ? c->argc - adding.id_at - 1 : 0;
    if (words < 2 || words % 2 != 0) {
        frm_error(c->out, "ERR wrong number of arguments for 'xadd' command");
        return;
    }
    if (adding.has_id && adding.has_seq && frm_id_compare(adding.id, ID_MIN) == 0) {
        frm_error(c->out, "ERR The ID specified in XADD must be greater than 0-0");
        return;
    }
    if (!find_stream(c, &value)) {
        return;
    }
    if (!value && adding.must_exist) {
        frm_null(c->out);
        return;
    }
    value = value ? value : frm_find_or_make(c, &c->argv[1], TYPE_STREAM);
    append(c, value->stream, &adding);
}

/* ---------------------------------------------------------------------------------------- entries
 */

void frm_cmd_xlen(struct call *c)
{
    struct value *value;
    if (find_stream(c, &value)) {
        frm_int(c->out, value ? (int64_t)frm_stream_len(value->stream) : 0);
    }
}

void frm_cmd_xdel(struct call *c)
{
    struct value *value;
    struct stream_id id;
    int64_t count = 0;
    if (!find_stream(c, &value)) {
        return;
    }
    for (size_t i = 2; value && i < c->argc; i++) {
        if (!frm_arg_id(c, i, 0, &id, NULL)) {
            return;
        }
    }
    for (size_t i = 2; value && i < c->argc; i++) {
        struct stream *stream = value->stream;
        frm_id_read(&c->argv[i], 0, true, &id, NULL);
        if (frm_stream_find(stream, id)) {
            frm_stream_remove(stream, frm_stream_place(stream, id));
            stream->max_deleted =
                frm_id_compare(id, stream->max_deleted) > 0 ? id : stream->max_deleted;
            count++;
        }
    }
    if (count > 0) {
        frm_touch(c->db, &c->argv[1]);
    }
    frm_int(c->out, count);
}

static void range(struct call *c, bool is_reversed)
{
    struct stream_id from, to;
    struct value *value;
    int64_t count = -1;
    if (!frm_arg_interval(c, is_reversed ? 3 : 2, is_reversed ? 2 : 3, &from, &to)) {
        return;
    }
    for (size_t i = 4; i < c->argc; i += 2) {
        if (!frm_arg_is(c, i, "count") || i + 1 == c->argc) {
            frm_error_syntax(c->out);
            return;
        }
        if (!frm_arg_int(c, i + 1, &count, NULL)) {
            return;
        }
        count = count < 0 ? 0 : count;
    }
    if (!find_stream(c, &value)) {
        return;
    }
    if (!value) {
        frm_array(c->out, 0);
    } else if (count == 0) {
        frm_null_array(c->out);
    } else {
        frm_entries_reply(c->out, value->stream, from, to, count, is_reversed);
    }
}

void frm_cmd_xrange(struct call *c)
{
    range(c, false);
}

void frm_cmd_xrevrange(struct call *c)
{
    range(c, true);
}

struct setting_id {
    struct stream_id id, max_deleted;
    int64_t added; /* -1: not given */
};

static bool read_setting_id(struct call *c, struct setting_id *setting)
{
    if (!frm_arg_id(c, 2, 0, &setting->id, NULL)) {
        return false;
    }
    for (size_t i = 3; i < c->argc; i += 2) {
        bool has_more = i + 1 < c->argc;
        if (has_more && frm_arg_is(c, i, "entriesadded")) {
            if (!frm_arg_int(c, i + 1, &setting->added, NULL)) {
                return false;
            }
            if (setting->added < 0) {
                frm_error(c->out, "ERR entries_added must be positive");
                return false;
            }
        } else if (has_more && frm_arg_is(c, i, "maxdeletedid")) {
            if (!frm_arg_id(c, i + 1, 0, &setting->max_deleted, NULL)) {
                return false;
            }
            if (frm_id_compare(setting->id, setting->max_deleted) < 0) {
                frm_error(c->out, "ERR The ID specified in XSETID is smaller than the provided "
                                  "max_deleted_entry_id");
                return false;
            }
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

void frm_cmd_xsetid(struct call *c)
{
    struct setting_id setting = {.added = -1};
    struct value *value;
    if (!read_setting_id(c, &setting) || !find_stream(c, &value)) {
        return;
    }
    if (!value) {
        frm_error(c->out, "ERR no such key");
        return;
    }
    struct stream *stream = value->stream;
    size_t len = frm_stream_len(stream);
    if (len > 0 && frm_id_compare(setting.id, frm_stream_at(stream, len - 1)->id) < 0) {
        frm_error(c->out,
                  "ERR The ID specified in XSETID is smaller than the target stream top item");
    } else if (len > 0 && setting.added != -1 && (int64_t)len > setting.added) {
        frm_error(c->out, "ERR The entries_added specified in XSETID is smaller than the target "
                          "stream length");
    } else {
        stream->last = setting.id;
        stream->added = setting.added == -1 ? stream->added : (uint64_t)setting.added;
        if (frm_id_compare(setting.max_deleted, ID_MIN) != 0) {
            stream->max_deleted = setting.max_deleted;
        }
        frm_touch(c->db, &c->argv[1]);
        frm_ok(c->out);
    }
}
