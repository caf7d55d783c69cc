/* Commands of any kind, scripts, and errors of the server. */
#include "tests/client/fixture.h"

#include <stdarg.h>
#include <string.h>

/* --- free form -------------------------------------------------------------------------------- */

static redisReply *keep(redisReply *reply)
{
    if (reply == NULL) {
        FAIL("no reply: %s", last_text());
    }
    case_defer((void (*)(void *))flask_redis_reply_free, reply);
    return reply;
}

static void formats(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    redisReply *reply =
        keep(flask_redis_command(redis, "ZADD %s %d %b", "z", 5, "a\0b", (size_t)3));
    EXPECT_NUMBER(reply->type, REDIS_REPLY_INTEGER);
    EXPECT_NUMBER(reply->integer, 1);
    reply = keep(flask_redis_command(redis, "zrange z 0 -1"));
    EXPECT_NUMBER(reply->elements, 1);
    EXPECT_NUMBER(reply->element[0]->len, 3);
    reply = keep(flask_redis_command(redis, "SET k:%d %s%s", 7, "a ", "b"));
    EXPECT(strcmp(reply->str, "OK") == 0);
    reply = keep(flask_redis_command(redis, "GET k:7"));
    EXPECT(strcmp(reply->str, "a b") == 0);
    reply = keep(flask_redis_command(redis, "GET none"));
    EXPECT_NUMBER(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(flask_redis_command(redis, "PING"));
}

static redisReply *with_list(FlaskRedis *redis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = flask_redis_commandv(redis, format, args);
    va_end(args);
    return reply;
}

static void words_and_names(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    const char *words[] = {"SET", "k\0k", "v"};
    const size_t lengths[] = {3, 3, 1};
    keep(flask_redis_command_argv(redis, 3, words, lengths));
    EXPECT_NUMBER(keep(flask_redis_command(redis, "EXISTS %b", "k\0k", (size_t)3))->integer, 1);
    keep(flask_redis_command_argv(redis, 3, words, NULL));
    EXPECT_NUMBER(keep(flask_redis_call(redis, "zAdd", "z", "1", "one", NULL))->integer, 1);
    EXPECT_NUMBER(keep(with_list(redis, "ZCARD %s", "z"))->integer, 1);
    EXPECT(flask_redis_command_argv(redis, 0, words, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    EXPECT(flask_redis_command(redis, "") == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    EXPECT(flask_redis_command(redis, "SET k %!") == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
}

static void unknown_commands_reach_the_server(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    redisReply *reply = keep(flask_redis_call(redis, "NOSUCH.COMMAND", "x", NULL));
    EXPECT_NUMBER(reply->type, REDIS_REPLY_ERROR);
    EXPECT_HAS(reply->str, "unknown command");
    EXPECT_HAS(last_text(), "NOSUCH.COMMAND");
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_RESPONSE);
}

static void commands_about_connections_are_refused(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    static const char *const refused[] = {
        "SELECT 1", "auth x", "HELLO 3", "subscribe a",      "MONITOR",
        "SYNC",     "QUIT",   "RESET",   "client reply off", "CLIENT SETNAME x"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        EXPECT(flask_redis_command(redis, refused[i]) == NULL);
        EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    }
    EXPECT_NUMBER(keep(flask_redis_command(redis, "CLIENT ID"))->type, REDIS_REPLY_INTEGER);
}

/* The timeout of the socket is far shorter than the command's own. */
static void blocking_in_free_form(void)
{
    FlaskRedis *redis = fixture_open_with(&(FlaskRedisOptions){.socket_timeout = 0.5})->redis;
    EXPECT_NUMBER(keep(flask_redis_command(redis, "BLPOP none 0.7"))->type, REDIS_REPLY_NIL);
    EXPECT_NUMBER(keep(flask_redis_command(redis, "XREAD BLOCK 700 STREAMS s 0"))->type,
                  REDIS_REPLY_NIL);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static void scripts(void)
{
    if (!fixture_has_scripts()) {
        case_skip("the mock is built without Lua");
        return;
    }
    struct fixture *fixture = fixture_open();
    FlaskRedis *redis = fixture->redis;
    FlaskRedisBytes sha;
    redisReply *reply = flask_redis_eval(redis, "return {KEYS[1], ARGV[1]}", "k", "a");
    EXPECT(reply != NULL && reply->elements == 2);
    EXPECT(strcmp(reply->element[1]->str, "a") == 0);
    flask_redis_reply_free(reply);
    OK(flask_redis_script_load(redis, "return 7", &sha));
    EXPECT_NUMBER(sha.len, 40);
    reply = flask_redis_evalsha(redis, sha, FLASK_REDIS_NONE, FLASK_REDIS_NONE);
    EXPECT(reply != NULL && reply->integer == 7);
    flask_redis_reply_free(reply);
    flask_redis_bytes_free(&sha);
    reply = flask_redis_evalsha(redis, "0000000000000000000000000000000000000000", FLASK_REDIS_NONE,
                                FLASK_REDIS_NONE);
    EXPECT(reply != NULL && reply->type == REDIS_REPLY_ERROR);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_NO_SCRIPT);
    flask_redis_reply_free(reply);
}

static void registered_scripts_come_back(void)
{
    if (!fixture_has_scripts()) {
        case_skip("the mock is built without Lua");
        return;
    }
    struct fixture *fixture = fixture_open();
    FlaskRedisScript *script = flask_redis_register_script(
        fixture->redis, "return redis.call('INCRBY', KEYS[1], ARGV[1])");
    EXPECT(script != NULL);
    EXPECT_NUMBER(fixture_calls(fixture, "script|load"), 0);
    for (int i = 1; i <= 4; i++) {
        redisReply *reply = flask_redis_script_call(script, "n", "2");
        EXPECT(reply != NULL);
        EXPECT_NUMBER(reply->integer, 2 * i);
        flask_redis_reply_free(reply);
        if (i == 2) {
            fixture_ask(fixture, "SCRIPT FLUSH");
        }
    }
    EXPECT_NUMBER(fixture_calls(fixture, "eval"), 1);
    flask_redis_script_free(script);
}

static void mistakes_are_the_servers(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    int64_t number = 5;
    OK(flask_redis_rpush(redis, "l", "a", NULL));
    STATUS(flask_redis_incr(redis, "l", &number), FLASK_REDIS_RESPONSE);
    EXPECT_NUMBER(number, 0);
    const FlaskRedisError *error = flask_redis_last_error();
    EXPECT(strcmp(error->code, "WRONGTYPE") == 0);
    EXPECT_HAS(error->text, "WRONGTYPE Operation against a key");
    EXPECT(!error->maybe_executed);
    OK(flask_redis_incr(redis, "n", &number));
    EXPECT_NUMBER(number, 1);
}

static const struct test_case cases[] = {
    {"formats are hiredis'", formats},
    {"words with lengths, names in any case, lists of arguments", words_and_names},
    {"a command nobody knows reaches the server", unknown_commands_reach_the_server},
    {"commands about the connection are refused with advice",
     commands_about_connections_are_refused},
    {"a command that blocks may block for longer than the timeout", blocking_in_free_form},
    {"eval, evalsha, script_load", scripts},
    {"a registered script comes back after SCRIPT FLUSH", registered_scripts_come_back},
    {"a mistake is the server's error, with its code word", mistakes_are_the_servers},
};

const struct case_table freeform_cases = {cases, sizeof(cases) / sizeof(cases[0])};
