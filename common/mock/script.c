/* EVAL, EVALSHA, SCRIPT: sources by their SHA-1. */
#include "common/mock/script.h"

#include <ctype.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/sha1.h"

void frm_scripts_free(struct fr_mock *mock)
{
    frm_dict_finish(&mock->scripts, frm_free);
}

#ifdef FR_MOCK_LUA

static bool read_key_count(struct call *c, int64_t *count)
{
    if (!frm_arg_int(c, 2, count, NULL)) {
        return false;
    }
    if (*count > (int64_t)c->argc - 3) {
        frm_error(c->out, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    if (*count < 0) {
        frm_error(c->out, "ERR Number of keys can't be negative");
    }
    return *count >= 0;
}

/* Remember a source; returns it. */
static const struct str *keep(struct call *c, const struct fr_word *source, const char *sha)
{
    const struct fr_word name = {sha, 40};
    struct entry *entry = frm_dict_put(&c->mock->scripts, &name, NULL);
    if (!entry->value) {
        entry->value = frm_str_of(&c->mock->heap, source);
    }
    return entry->value;
}

static void eval(struct call *c, bool is_read_only)
{
    int64_t key_count;
    char sha[41];
    if (!read_key_count(c, &key_count)) {
        return;
    }
    frm_sha1_hex(c->argv[1].data, c->argv[1].len, sha);
    const struct fr_word name = {sha, 40};
    if (!frm_dict_find(&c->mock->scripts, &name) && !frm_script_check(c, &c->argv[1])) {
        return;
    }
    frm_script_run(c, keep(c, &c->argv[1], sha), sha, (size_t)key_count, is_read_only);
}

/* Names are found in any case. */
static const struct str *source_of(const struct call *c, const struct fr_word *name, char sha[41])
{
    if (name->len != 40) {
        return NULL;
    }
    for (size_t i = 0; i < 40; i++) {
        sha[i] = (char)tolower((unsigned char)name->data[i]);
    }
    sha[40] = '\0';
    const struct fr_word lower = {sha, 40};
    const struct entry *entry = frm_dict_find(&c->mock->scripts, &lower);
    return entry ? entry->value : NULL;
}

static void evalsha(struct call *c, bool is_read_only)
{
    int64_t key_count;
    char sha[41];
    if (!read_key_count(c, &key_count)) {
        return;
    }
    const struct str *source = source_of(c, &c->argv[1], sha);
    if (source) {
        frm_script_run(c, source, sha, (size_t)key_count, is_read_only);
    } else {
        frm_error(c->out, "NOSCRIPT No matching script. Please use EVAL.");
    }
}

void frm_cmd_eval(struct call *c)
{
    eval(c, false);
}

void frm_cmd_eval_ro(struct call *c)
{
    eval(c, true);
}

void frm_cmd_evalsha(struct call *c)
{
    evalsha(c, false);
}

void frm_cmd_evalsha_ro(struct call *c)
{
    evalsha(c, true);
}

void frm_cmd_script_load(struct call *c)
{
    char sha[41];
    if (frm_script_check(c, &c->argv[2])) {
        frm_sha1_hex(c->argv[2].data, c->argv[2].len, sha);
        keep(c, &c->argv[2], sha);
        frm_bulk(c->out, sha, 40);
    }
}

void frm_cmd_script_exists(struct call *c)
{
    char sha[41];
    frm_array(c->out, (int64_t)c->argc - 2);
    for (size_t i = 2; i < c->argc; i++) {
        frm_int(c->out, source_of(c, &c->argv[i], sha) != NULL);
    }
}

void frm_cmd_script_flush(struct call *c)
{
    if (c->argc > 3 || (c->argc == 3 && !frm_arg_is(c, 2, "sync") && !frm_arg_is(c, 2, "async"))) {
        frm_error(c->out, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    frm_dict_finish(&c->mock->scripts, frm_free);
    frm_ok(c->out);
}

#endif
