/* The time of keys: EXPIRE and its kin, TTL and its kin, PERSIST. */
#include <string.h>

#include "common/mock/commands.h"

enum condition {
    IF_NONE = 1,
    IF_SOME = 2,
    IF_GREATER = 4,
    IF_LESS = 8
};

static bool read_conditions(struct call *c, unsigned *conditions)
{
    static const char *const names[] = {"nx", "xx", "gt", "lt"};
    for (size_t i = 3; i < c->argc; i++) {
        unsigned which = 0;
        while (which < 4 && !frm_arg_is(c, i, names[which])) {
            which++;
        }
        if (which == 4) {
            frm_error(c->out, "ERR Unsupported option %.*s", (int)c->argv[i].len, c->argv[i].data);
            return false;
        }
        *conditions |= 1U << which;
    }
    if ((*conditions & IF_NONE) && (*conditions & ~(unsigned)IF_NONE)) {
        frm_error(c->out, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*conditions & IF_GREATER) && (*conditions & IF_LESS)) {
        frm_error(c->out, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A key without a time lives for ever, which is more than any time. */
static bool holds(unsigned conditions, int64_t now_at, int64_t at_ms)
{
    if ((conditions & IF_NONE && now_at != NEVER) || (conditions & IF_SOME && now_at == NEVER)) {
        return false;
    }
    return !(conditions & IF_GREATER && at_ms <= now_at) &&
           !(conditions & IF_LESS && at_ms >= now_at);
}

static void expire(struct call *c, bool is_seconds, bool is_absolute)
{
    unsigned conditions = 0;
    int64_t at_ms;
    int64_t base_ms = is_absolute ? 0 : frm_now_ms(c->mock);
    if (!read_conditions(c, &conditions) || !frm_arg_int(c, 2, &at_ms, NULL)) {
        return;
    }
    bool is_wrong = is_seconds && __builtin_mul_overflow(at_ms, 1000, &at_ms);
    if (is_wrong || at_ms > INT64_MAX - base_ms) {
        frm_error(c->out, "ERR invalid expire time in '%s' command", c->row->name);
        return;
    }
    at_ms += base_ms;
    at_ms -= at_ms == NEVER; /* the last millisecond stands for "not at all" */
    struct value *value = frm_find(c, &c->argv[1]);
    if (!value || !holds(conditions, value->expires_ms, at_ms)) {
        frm_int(c->out, 0);
        return;
    }
    if (at_ms <= frm_now_ms(c->mock)) {
        frm_delete(c->db, &c->argv[1]);
    } else {
        frm_expire_at(c->db, value, at_ms);
        frm_touch(c->db, &c->argv[1]);
    }
    frm_int(c->out, 1);
}

void frm_cmd_expire(struct call *c)
{
    expire(c, true, false);
}

void frm_cmd_pexpire(struct call *c)
{
    expire(c, false, false);
}

void frm_cmd_expireat(struct call *c)
{
    expire(c, true, true);
}

void frm_cmd_pexpireat(struct call *c)
{
    expire(c, false, true);
}

static void tell_time(struct call *c, int64_t base_ms, bool is_seconds)
{
    const struct value *value = frm_find_in(c->db, &c->argv[1]);
    if (!value || value->expires_ms == NEVER) {
        frm_int(c->out, value ? -1 : -2);
        return;
    }
    int64_t ms = value->expires_ms - base_ms;
    ms = ms < 0 ? 0 : ms;
    frm_int(c->out, is_seconds ? ms / 1000 + (ms % 1000 >= 500) : ms);
}

void frm_cmd_ttl(struct call *c)
{
    tell_time(c, frm_now_ms(c->mock), true);
}

void frm_cmd_pttl(struct call *c)
{
    tell_time(c, frm_now_ms(c->mock), false);
}

void frm_cmd_expiretime(struct call *c)
{
    tell_time(c, 0, true);
}

void frm_cmd_pexpiretime(struct call *c)
{
    tell_time(c, 0, false);
}

void frm_cmd_persist(struct call *c)
{
    struct value *value = frm_find(c, &c->argv[1]);
    if (!value || value->expires_ms == NEVER) {
        frm_int(c->out, 0);
        return;
    }
    value->expires_ms = NEVER;
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, 1);
}
