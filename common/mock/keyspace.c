/* The keys of a database: found, added, replaced, removed, and gone when their time is over.
 * Whoever watches a key, or waits for one, hears of it from here. */
#include "common/mock/engine.h"

bool frm_has_expired(const struct db *db, const struct value *value)
{
    return value->expires_ms != NEVER && value->expires_ms <= frm_now_ms(db->mock);
}

static void expire(struct db *db, const struct fr_word *key)
{
    db->mock->expired++;
    frm_delete(db, key);
}

struct value *frm_find_in(struct db *db, const struct fr_word *key)
{
    struct entry *entry = frm_dict_find(&db->keys, key);
    struct value *value = entry ? entry->value : NULL;
    if (value && frm_has_expired(db, value)) {
        expire(db, key);
        return NULL;
    }
    return value;
}

struct value *frm_find(struct call *c, const struct fr_word *key)
{
    struct value *value = frm_find_in(c->db, key);
    if (value) {
        value->used_ms = frm_now_ms(c->mock);
        c->mock->hits++;
    } else {
        c->mock->misses++;
    }
    return value;
}

void frm_wrong_type(struct out *out)
{
    frm_error(out, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

bool frm_find_type(struct call *c, const struct fr_word *key, enum value_type type,
                   struct value **value)
{
    *value = frm_find(c, key);
    if (*value && (*value)->type != type) {
        frm_wrong_type(c->out);
        return false;
    }
    return true;
}

struct value *frm_find_or_make(struct call *c, const struct fr_word *key, enum value_type type)
{
    struct value *value;
    if (!frm_find_type(c, key, type, &value)) {
        return NULL;
    }
    if (!value) {
        value = frm_value_new(&c->mock->heap, type);
        frm_add(c->db, key, value);
    }
    return value;
}

/* Waiters learn of keys of the types one can wait for. */
static void announce(struct db *db, const struct fr_word *key, const struct value *value)
{
    if (value->type == TYPE_LIST || value->type == TYPE_ZSET || value->type == TYPE_STREAM) {
        frm_ready(db, key, false);
    }
}

static void store(struct db *db, struct entry *entry, struct value *value)
{
    value->used_ms = frm_now_ms(db->mock);
    entry->value = value;
    if (value->expires_ms < db->soonest_ms) {
        db->soonest_ms = value->expires_ms;
    }
}

void frm_add(struct db *db, const struct fr_word *key, struct value *value)
{
    store(db, frm_dict_put(&db->keys, key, NULL), value);
    announce(db, key, value);
}

/* Who waits for a key is served when it comes into being, not when another value replaces one. */
void frm_replace(struct db *db, const struct fr_word *key, struct value *value)
{
    bool is_new;
    struct entry *entry = frm_dict_put(&db->keys, key, &is_new);
    struct value *old = entry->value;
    store(db, entry, value);
    if (is_new) {
        announce(db, key, value);
    } else if (old->type == TYPE_STREAM && value->type != TYPE_STREAM) {
        frm_ready(db, key, true);
    }
    frm_value_free(old);
    frm_touch(db, key);
}

struct value *frm_take_out(struct db *db, const struct fr_word *key)
{
    void *value = NULL;
    frm_dict_remove(&db->keys, key, &value);
    return value;
}

bool frm_delete(struct db *db, const struct fr_word *key)
{
    struct value *value = frm_take_out(db, key);
    if (!value) {
        return false;
    }
    if (value->type == TYPE_STREAM) {
        frm_ready(db, key, true);
    }
    frm_value_free(value);
    frm_touch(db, key);
    return true;
}

void frm_touch(struct db *db, const struct fr_word *key)
{
    struct fr_mock *mock = db->mock;
    struct fr_mock_session *session;
    if (mock->watch_count == 0) {
        return;
    }
    TAILQ_FOREACH(session, &mock->sessions, link)
    {
        struct watch *watch;
        SLIST_FOREACH(watch, &session->watches, link)
        {
            struct fr_word watched = frm_word(watch->key);
            if (watch->db == db && frm_word_equal(&watched, key)) {
                session->flags |= DIRTY_WATCH;
            }
        }
    }
}

void frm_touch_all(struct db *db, bool even_missing)
{
    struct fr_mock_session *session;
    TAILQ_FOREACH(session, &db->mock->sessions, link)
    {
        struct watch *watch;
        SLIST_FOREACH(watch, &session->watches, link)
        {
            struct fr_word watched = frm_word(watch->key);
            if (watch->db == db && (even_missing || frm_dict_find(&db->keys, &watched))) {
                session->flags |= DIRTY_WATCH;
            }
        }
    }
}

void frm_shrunk(struct call *c, const struct fr_word *key, struct value *value)
{
    if (frm_value_is_empty(value)) {
        frm_delete(c->db, key);
    } else {
        frm_touch(c->db, key);
    }
}

void frm_expire_at(struct db *db, struct value *value, int64_t at_ms)
{
    value->expires_ms = at_ms;
    if (at_ms < db->soonest_ms) {
        db->soonest_ms = at_ms;
    }
}

void frm_expire_due(struct db *db)
{
    if (frm_now_ms(db->mock) < db->soonest_ms) {
        return;
    }
    db->soonest_ms = NEVER;
    for (struct entry *entry = frm_dict_next(&db->keys, NULL); entry;
         entry = frm_dict_next(&db->keys, entry)) {
        struct value *value = entry->value;
        struct fr_word key = frm_word(entry->key);
        if (frm_has_expired(db, value)) {
            db->mock->expired++;
            frm_touch(db, &key);
            if (value->type == TYPE_STREAM) {
                frm_ready(db, &key, true);
            }
            frm_value_free(value);
            frm_dict_remove_entry(&db->keys, entry);
        } else if (value->expires_ms < db->soonest_ms) {
            db->soonest_ms = value->expires_ms;
        }
    }
}

void frm_flush(struct db *db)
{
    frm_touch_all(db, false);
    for (const struct entry *entry = frm_dict_next(&db->keys, NULL); entry;
         entry = frm_dict_next(&db->keys, entry)) {
        struct fr_word key = frm_word(entry->key);
        if (((struct value *)entry->value)->type == TYPE_STREAM) {
            frm_ready(db, &key, true);
        }
    }
    frm_dict_finish(&db->keys, frm_value_free);
    db->soonest_ms = NEVER;
}
