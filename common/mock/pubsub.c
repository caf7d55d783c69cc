/* Publish and subscribe: channels, patterns, and the channels of shards. */
#include "common/mock/commands.h"

struct names {
    const char *subscribe, *unsubscribe, *message;
};

static const struct names kinds[SUB_KINDS] = {
    {"subscribe", "unsubscribe", "message"},
    {"psubscribe", "punsubscribe", "pmessage"},
    {"ssubscribe", "sunsubscribe", "smessage"},
};

/* What a confirmation counts: shards' channels apart from all else. */
static int64_t confirmed_count(const struct fr_mock_session *session, enum subscription_kind kind)
{
    if (kind == SUB_SHARD) {
        return session->subscriptions[SUB_SHARD].live;
    }
    return (int64_t)session->subscriptions[SUB_CHANNEL].live +
           session->subscriptions[SUB_PATTERN].live;
}

/* CLIENT REPLY OFF does not keep messages back. Returns what is_off was. */
static bool unmute(struct out *out)
{
    bool is_off = out->is_off;
    out->is_off = false;
    return is_off;
}

static void confirm(struct call *c, enum subscription_kind kind, const char *what,
                    const struct fr_word *name)
{
    bool is_off = unmute(c->out);
    frm_push(c->out, 3);
    frm_bulk_text(c->out, what);
    if (name) {
        frm_bulk(c->out, name->data, name->len);
    } else {
        frm_null(c->out);
    }
    frm_int(c->out, confirmed_count(c->session, kind));
    c->out->is_off = is_off;
}

static void subscribe(struct call *c, enum subscription_kind kind)
{
    for (size_t i = 1; i < c->argc; i++) {
        frm_dict_put(&c->session->subscriptions[kind], &c->argv[i], NULL);
        confirm(c, kind, kinds[kind].subscribe, &c->argv[i]);
    }
}

static void unsubscribe(struct call *c, enum subscription_kind kind)
{
    struct dict *names = &c->session->subscriptions[kind];
    for (size_t i = 1; i < c->argc; i++) {
        frm_dict_remove(names, &c->argv[i], NULL);
        confirm(c, kind, kinds[kind].unsubscribe, &c->argv[i]);
    }
    if (c->argc == 1 && names->live == 0) {
        confirm(c, kind, kinds[kind].unsubscribe, NULL);
    }
    while (c->argc == 1 && names->live > 0) {
        struct str *name = frm_dict_next(names, NULL)->key;
        struct str *copy = frm_str(&c->mock->heap, name->data, name->len);
        struct fr_word word = frm_word(copy);
        frm_dict_remove(names, &word, NULL);
        confirm(c, kind, kinds[kind].unsubscribe, &word);
        frm_free(copy);
    }
}

void frm_unsubscribe_all(struct fr_mock_session *session)
{
    for (int i = 0; i < SUB_KINDS; i++) {
        frm_dict_finish(&session->subscriptions[i], NULL);
    }
}

void frm_cmd_subscribe(struct call *c)
{
    subscribe(c, SUB_CHANNEL);
}

void frm_cmd_psubscribe(struct call *c)
{
    subscribe(c, SUB_PATTERN);
}

void frm_cmd_ssubscribe(struct call *c)
{
    subscribe(c, SUB_SHARD);
}

void frm_cmd_unsubscribe(struct call *c)
{
    unsubscribe(c, SUB_CHANNEL);
}

void frm_cmd_punsubscribe(struct call *c)
{
    unsubscribe(c, SUB_PATTERN);
}

void frm_cmd_sunsubscribe(struct call *c)
{
    unsubscribe(c, SUB_SHARD);
}

/* ------------------------------------------------------------------------------------- publishing
 */

static void deliver(struct fr_mock_session *to, enum subscription_kind kind,
                    const struct str *pattern, const struct fr_word *words)
{
    bool is_off = unmute(&to->out);
    frm_push(&to->out, pattern ? 4 : 3);
    frm_bulk_text(&to->out, kinds[kind].message);
    if (pattern) {
        frm_bulk_str(&to->out, pattern);
    }
    frm_bulk(&to->out, words[0].data, words[0].len);
    frm_bulk(&to->out, words[1].data, words[1].len);
    to->out.is_off = is_off;
    frm_session_tell(to);
}

static int64_t deliver_to_patterns(struct fr_mock_session *to, const struct fr_word *words)
{
    int64_t count = 0;
    for (const struct entry *entry = NULL;
         (entry = frm_dict_next(&to->subscriptions[SUB_PATTERN], entry));) {
        struct fr_word pattern = frm_word(entry->key);
        if (frm_glob(&pattern, &words[0])) {
            deliver(to, SUB_PATTERN, entry->key, words);
            count++;
        }
    }
    return count;
}

static void publish(struct call *c, enum subscription_kind kind)
{
    int64_t count = 0;
    struct fr_mock_session *to;
    TAILQ_FOREACH(to, &c->mock->sessions, link)
    {
        if (frm_dict_find(&to->subscriptions[kind], &c->argv[1])) {
            deliver(to, kind, NULL, &c->argv[1]);
            count++;
        }
        if (kind == SUB_CHANNEL) {
            count += deliver_to_patterns(to, &c->argv[1]);
        }
    }
    frm_int(c->out, count);
}

void frm_cmd_publish(struct call *c)
{
    publish(c, SUB_CHANNEL);
}

void frm_cmd_spublish(struct call *c)
{
    publish(c, SUB_SHARD);
}

/* ----------------------------------------------------------------------------------------- asking
 */

static int64_t subscribers(const struct fr_mock *mock, enum subscription_kind kind,
                           const struct fr_word *name)
{
    int64_t count = 0;
    const struct fr_mock_session *session;
    TAILQ_FOREACH(session, &mock->sessions, link)
    {
        count += frm_dict_find(&session->subscriptions[kind], name) != NULL;
    }
    return count;
}

/* All names of a kind that anybody has, each once; the caller finishes the dict. */
static struct dict all_names(struct fr_mock *mock, enum subscription_kind kind)
{
    struct dict all;
    const struct fr_mock_session *session;
    frm_dict_init(&all, &mock->heap);
    TAILQ_FOREACH(session, &mock->sessions, link)
    {
        for (const struct entry *entry = NULL;
             (entry = frm_dict_next(&session->subscriptions[kind], entry));) {
            struct fr_word name = frm_word(entry->key);
            frm_dict_put(&all, &name, NULL);
        }
    }
    return all;
}

static void reply_names(struct call *c, enum subscription_kind kind)
{
    if (c->argc > 3) {
        frm_error(c->out,
                  "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                  "PUBSUB HELP.",
                  (int)c->argv[1].len, c->argv[1].data);
        return;
    }
    struct dict all = all_names(c->mock, kind);
    size_t mark = frm_later(c->out);
    int64_t count = 0;
    for (const struct entry *entry = NULL; (entry = frm_dict_next(&all, entry));) {
        struct fr_word name = frm_word(entry->key);
        if (c->argc == 2 || frm_glob(&c->argv[2], &name)) {
            frm_bulk_str(c->out, entry->key);
            count++;
        }
    }
    frm_later_array(c->out, mark, count);
    frm_dict_finish(&all, NULL);
}

static void reply_counts(struct call *c, enum subscription_kind kind)
{
    frm_array(c->out, ((int64_t)c->argc - 2) * 2);
    for (size_t i = 2; i < c->argc; i++) {
        frm_bulk(c->out, c->argv[i].data, c->argv[i].len);
        frm_int(c->out, subscribers(c->mock, kind, &c->argv[i]));
    }
}

void frm_cmd_pubsub_channels(struct call *c)
{
    reply_names(c, SUB_CHANNEL);
}

void frm_cmd_pubsub_shardchannels(struct call *c)
{
    reply_names(c, SUB_SHARD);
}

void frm_cmd_pubsub_numsub(struct call *c)
{
    reply_counts(c, SUB_CHANNEL);
}

void frm_cmd_pubsub_shardnumsub(struct call *c)
{
    reply_counts(c, SUB_SHARD);
}

void frm_cmd_pubsub_numpat(struct call *c)
{
    struct dict all = all_names(c->mock, SUB_PATTERN);
    frm_int(c->out, all.live);
    frm_dict_finish(&all, NULL);
}
