/* Pipelines, transactions, WATCH. */
#include "tests/client/fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_pipe(void *pipe)
{
    flask_redis_pipeline_free(pipe);
}

static FlaskRedisPipeline *pipeline(FlaskRedis *redis, bool transaction)
{
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, transaction);
    EXPECT(pipe != NULL);
    case_defer(free_pipe, pipe);
    return pipe;
}

static redisReply *keep(redisReply *reply)
{
    EXPECT(reply != NULL);
    case_defer((void (*)(void *))flask_redis_reply_free, reply);
    return reply;
}

/* --- pipelines -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static FlaskRedisStatus add(FlaskRedisPipeline *pipe,
                                                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    FlaskRedisStatus status = flask_redis_pipeline_commandv(pipe, format, args);
    va_end(args);
    return status;
}

static void replies_in_order(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    for (int transaction = 0; transaction < 2; transaction++) {
        FlaskRedisPipeline *pipe = pipeline(redis, transaction != 0);
        redisReply *replies;
        const char *words[] = {"STRLEN", "k"};
        OK(flask_redis_pipeline_command(pipe, "SET %s %b", "k", "a\0b", (size_t)3));
        OK(flask_redis_pipeline_call(pipe, "append", "k", "cd", NULL));
        OK(flask_redis_pipeline_command_argv(pipe, 2, words, NULL));
        OK(add(pipe, "GET %s", "none"));
        EXPECT_NUMBER(flask_redis_pipeline_length(pipe), 4);
        OK(flask_redis_pipeline_execute(pipe, &replies));
        keep(replies);
        EXPECT_NUMBER(replies->elements, 4);
        EXPECT(strcmp(replies->element[0]->str, "OK") == 0);
        EXPECT_NUMBER(replies->element[1]->integer, 5);
        EXPECT_NUMBER(replies->element[2]->integer, 5);
        EXPECT_NUMBER(replies->element[3]->type, REDIS_REPLY_NIL);
        EXPECT_NUMBER(flask_redis_pipeline_length(pipe), 0);
    }
}

static void an_empty_one_does_nothing(void)
{
    struct fixture *fixture = fixture_open();
    FlaskRedisPipeline *pipe = pipeline(fixture->redis, true);
    redisReply *replies;
    OK(flask_redis_pipeline_execute(pipe, &replies));
    EXPECT_NUMBER(keep(replies)->elements, 0);
    OK(flask_redis_pipeline_execute(pipe, NULL));
    EXPECT_NUMBER(fixture_calls(fixture, "multi"), 0);
}

static void the_first_error_fails(void)
{
    struct fixture *fixture = fixture_open();
    FlaskRedis *redis = fixture->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    redisReply *replies = NULL;
    FlaskRedisBytes value;
    fixture_do(redis, "RPUSH l a");
    OK(flask_redis_pipeline_command(pipe, "SET a 1"));
    OK(flask_redis_pipeline_command(pipe, "INCR l"));
    OK(flask_redis_pipeline_command(pipe, "SET b 2"));
    STATUS(flask_redis_pipeline_execute(pipe, &replies), FLASK_REDIS_RESPONSE);
    EXPECT(replies == NULL);
    EXPECT_HAS(last_text(), "command 2 (INCR): WRONGTYPE");
    EXPECT(strcmp(flask_redis_last_error()->code, "WRONGTYPE") == 0);
    OK(flask_redis_get(redis, "b", &value));
    TEXT(&value, "2");
}

static void errors_stand_in_their_places(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    fixture_do(redis, "RPUSH l a");
    for (int transaction = 0; transaction < 2; transaction++) {
        FlaskRedisPipeline *pipe = pipeline(redis, transaction != 0);
        redisReply *replies;
        flask_redis_pipeline_raise_on_error(pipe, false);
        OK(flask_redis_pipeline_command(pipe, "INCR l"));
        OK(flask_redis_pipeline_command(pipe, "LLEN l"));
        OK(flask_redis_pipeline_execute(pipe, &replies));
        EXPECT_NUMBER(keep(replies)->element[0]->type, REDIS_REPLY_ERROR);
        EXPECT_NUMBER(replies->element[1]->integer, 1);
    }
}

static void a_refused_command_aborts(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    redisReply *replies = NULL;
    FlaskRedisBytes value;
    OK(flask_redis_pipeline_command(pipe, "SET a 1"));
    OK(flask_redis_pipeline_command(pipe, "GET"));
    flask_redis_pipeline_raise_on_error(pipe, false);
    STATUS(flask_redis_pipeline_execute(pipe, &replies), FLASK_REDIS_EXEC_ABORT);
    EXPECT_HAS(last_text(), "command 2 (GET): ERR wrong number of arguments");
    EXPECT(strcmp(flask_redis_last_error()->code, "EXECABORT") == 0);
    STATUS(flask_redis_get(redis, "a", &value), FLASK_REDIS_NIL);
}

static void what_has_no_place_in_a_pipeline(void)
{
    FlaskRedisPipeline *pipe = pipeline(fixture_open()->redis, true);
    STATUS(flask_redis_pipeline_command(pipe, "MULTI"), FLASK_REDIS_DATA);
    STATUS(flask_redis_pipeline_command(pipe, "SUBSCRIBE a"), FLASK_REDIS_DATA);
    STATUS(flask_redis_pipeline_command(pipe, "SELECT 3"), FLASK_REDIS_DATA);
    EXPECT(flask_redis_pipeline_ask(pipe, "GET k") == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_WATCH);
}

/* More than any socket takes in both directions: 20 MB of requests, 20 MB of replies. */
static void of_any_length(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    char *value = case_alloc(2048);
    memset(value, 'x', 2047);
    for (int transaction = 0; transaction < 2; transaction++) {
        FlaskRedisPipeline *pipe = pipeline(redis, transaction != 0);
        redisReply *replies;
        for (int i = 0; i < 10000; i++) {
            OK(flask_redis_pipeline_command(pipe, "ECHO %d:%s", i, value));
        }
        OK(flask_redis_pipeline_execute(pipe, &replies));
        EXPECT_NUMBER(keep(replies)->elements, 10000);
        for (int i = 0; i < 10000; i++) {
            char expected[16];
            int len = snprintf(expected, sizeof(expected), "%d:x", i);
            EXPECT(strncmp(replies->element[i]->str, expected, (size_t)len) == 0);
        }
    }
}

/* --- watching --------------------------------------------------------------------------------- */

static void watch_without_a_change(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    redisReply *replies;
    OK(flask_redis_set(redis, "n", "5", NULL));
    OK(flask_redis_pipeline_watch(pipe, FLASK_REDIS_LIST("n", "m")));
    redisReply *now = keep(flask_redis_pipeline_ask(pipe, "GET n"));
    EXPECT(strcmp(now->str, "5") == 0);
    OK(flask_redis_pipeline_command(pipe, "SET at:once 1"));
    EXPECT_NUMBER(flask_redis_pipeline_length(pipe), 0);
    OK(flask_redis_pipeline_multi(pipe));
    OK(flask_redis_pipeline_command(pipe, "INCRBY n 2"));
    EXPECT_NUMBER(flask_redis_pipeline_length(pipe), 1);
    OK(flask_redis_pipeline_execute(pipe, &replies));
    EXPECT_NUMBER(keep(replies)->element[0]->integer, 7);
}

static void watch_with_a_change(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    redisReply *replies = NULL;
    FlaskRedisBytes value;
    OK(flask_redis_pipeline_watch(pipe, "n"));
    OK(flask_redis_set(redis, "n", "other", NULL));
    OK(flask_redis_pipeline_multi(pipe));
    OK(flask_redis_pipeline_command(pipe, "SET n mine"));
    STATUS(flask_redis_pipeline_execute(pipe, &replies), FLASK_REDIS_WATCH);
    EXPECT(replies == NULL);
    OK(flask_redis_get(redis, "n", &value));
    TEXT(&value, "other");
    OK(flask_redis_pipeline_command(pipe, "SET n mine")); /* it may be used again */
    OK(flask_redis_pipeline_execute(pipe, NULL));
}

static void unwatch(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    OK(flask_redis_pipeline_watch(pipe, "n"));
    OK(flask_redis_set(redis, "n", "other", NULL));
    OK(flask_redis_pipeline_unwatch(pipe));
    OK(flask_redis_pipeline_command(pipe, "SET n mine"));
    EXPECT_NUMBER(flask_redis_pipeline_length(pipe), 1);
    OK(flask_redis_pipeline_execute(pipe, NULL));
}

static void calls_in_the_wrong_order(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = pipeline(redis, true);
    OK(flask_redis_pipeline_command(pipe, "SET a 1"));
    STATUS(flask_redis_pipeline_watch(pipe, "n"), FLASK_REDIS_WATCH);
    STATUS(flask_redis_pipeline_multi(pipe), FLASK_REDIS_RESPONSE);
    OK(flask_redis_pipeline_reset(pipe));
    OK(flask_redis_pipeline_watch(pipe, "n"));
    OK(flask_redis_pipeline_multi(pipe));
    STATUS(flask_redis_pipeline_multi(pipe), FLASK_REDIS_RESPONSE);
    STATUS(flask_redis_pipeline_watch(pipe, "n"), FLASK_REDIS_WATCH);
    STATUS(flask_redis_pipeline_watch(pipe, FLASK_REDIS_NONE), FLASK_REDIS_WATCH);
    OK(flask_redis_pipeline_reset(pipe));
    STATUS(flask_redis_pipeline_watch(pipe, FLASK_REDIS_NONE), FLASK_REDIS_DATA);
}

/* --- transaction() ---------------------------------------------------------------------------- */

struct contest {
    FlaskRedis *redis;
    int spoil; /* so many tries meet a change */
    int tries;
};

static FlaskRedisStatus double_it(FlaskRedisPipeline *pipe, void *user_data)
{
    struct contest *contest = user_data;
    redisReply *now = flask_redis_pipeline_ask(pipe, "GET n");
    int number = now != NULL && now->str != NULL ? (int)strtol(now->str, NULL, 10) : 0;
    flask_redis_reply_free(now);
    contest->tries++;
    if (contest->spoil-- > 0) {
        flask_redis_incr(contest->redis, "n", NULL);
    }
    flask_redis_pipeline_multi(pipe);
    return flask_redis_pipeline_command(pipe, "SET n %d", 2 * number);
}

static FlaskRedisStatus give_up(FlaskRedisPipeline *pipe, void *user_data)
{
    (void)pipe;
    (void)user_data;
    return FLASK_REDIS_KEY_ERROR;
}

static void transactions_try_again(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    struct contest contest = {redis, 2, 0};
    redisReply *replies;
    FlaskRedisBytes value;
    OK(flask_redis_set(redis, "n", "10", NULL));
    OK(flask_redis_transaction(redis, double_it, &contest, 5, "n", &replies));
    EXPECT_NUMBER(keep(replies)->elements, 1);
    EXPECT_NUMBER(contest.tries, 3);
    OK(flask_redis_get(redis, "n", &value));
    TEXT(&value, "24");
    contest = (struct contest){redis, 100, 0};
    STATUS(flask_redis_transaction(redis, double_it, &contest, 4, "n", NULL), FLASK_REDIS_WATCH);
    EXPECT_NUMBER(contest.tries, 4);
    STATUS(flask_redis_transaction(redis, give_up, NULL, 4, "n", NULL), FLASK_REDIS_KEY_ERROR);
    STATUS(flask_redis_transaction(redis, give_up, NULL, 0, "n", NULL), FLASK_REDIS_DATA);
}

/* --- directly --------------------------------------------------------------------------------- */

static void multi_and_exec_directly(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    redisReply *replies;
    int64_t number = 1;
    OK(flask_redis_multi(redis));
    STATUS(flask_redis_incr(redis, "n", &number), FLASK_REDIS_QUEUED);
    EXPECT_NUMBER(number, 0);
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_QUEUED);
    STATUS(flask_redis_multi(redis), FLASK_REDIS_RESPONSE);
    STATUS(flask_redis_watch(redis, "k"), FLASK_REDIS_RESPONSE);
    OK(flask_redis_exec(redis, &replies));
    EXPECT_NUMBER(keep(replies)->elements, 2);
    EXPECT_NUMBER(replies->element[0]->integer, 1);
    OK(flask_redis_incr(redis, "n", &number));
    EXPECT_NUMBER(number, 2);
    STATUS(flask_redis_exec(redis, NULL), FLASK_REDIS_RESPONSE);
    STATUS(flask_redis_discard(redis), FLASK_REDIS_RESPONSE);
    OK(flask_redis_multi(redis));
    STATUS(flask_redis_incr(redis, "n", &number), FLASK_REDIS_QUEUED);
    OK(flask_redis_discard(redis));
    OK(flask_redis_incr(redis, "n", &number));
    EXPECT_NUMBER(number, 3);
}

static void watch_directly(void)
{
    struct fixture *fixture = fixture_open();
    FlaskRedis *redis = fixture->redis, *other = fixture_handle(fixture, NULL);
    FlaskRedisBytes value;
    OK(flask_redis_watch(redis, "k"));
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_NIL);
    OK(flask_redis_set(other, "k", "theirs", NULL));
    OK(flask_redis_multi(redis));
    STATUS(flask_redis_set(redis, "k", "mine", NULL), FLASK_REDIS_QUEUED);
    STATUS(flask_redis_exec(redis, NULL), FLASK_REDIS_WATCH);
    OK(flask_redis_watch(redis, "k"));
    OK(flask_redis_set(other, "k", "theirs", NULL));
    OK(flask_redis_unwatch(redis));
    OK(flask_redis_unwatch(redis));
    OK(flask_redis_multi(redis));
    STATUS(flask_redis_set(redis, "k", "mine", NULL), FLASK_REDIS_QUEUED);
    OK(flask_redis_exec(redis, NULL));
    OK(flask_redis_get(other, "k", &value));
    TEXT(&value, "mine");
}

static void transactions_in_free_form(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    EXPECT(strcmp(keep(flask_redis_command(redis, "WATCH k"))->str, "OK") == 0);
    EXPECT(strcmp(keep(flask_redis_command(redis, "MULTI"))->str, "OK") == 0);
    EXPECT(strcmp(keep(flask_redis_command(redis, "INCR k"))->str, "QUEUED") == 0);
    EXPECT_NUMBER(keep(flask_redis_command(redis, "GET"))->type, REDIS_REPLY_ERROR);
    redisReply *reply = keep(flask_redis_command(redis, "EXEC"));
    EXPECT_NUMBER(reply->type, REDIS_REPLY_ERROR);
    EXPECT_HAS(reply->str, "EXECABORT");
    EXPECT_HAS(reply->str, "GET: ERR wrong number");
    keep(flask_redis_command(redis, "MULTI"));
    keep(flask_redis_command(redis, "INCR k"));
    EXPECT_NUMBER(keep(flask_redis_command(redis, "exec"))->element[0]->integer, 1);
}

static const struct test_case cases[] = {
    {"one reply for each command, in order", replies_in_order},
    {"an empty pipeline does no I/O", an_empty_one_does_nothing},
    {"the first error fails the call, the others are applied", the_first_error_fails},
    {"with raise_on_error off errors stand in their places", errors_stand_in_their_places},
    {"a refused command aborts, and is named", a_refused_command_aborts},
    {"what has no place in a pipeline is refused", what_has_no_place_in_a_pipeline},
    {"a pipeline of any length does not get stuck", of_any_length},
    {"watch runs at once, multi keeps, execute applies", watch_without_a_change},
    {"a changed key is WATCH and nothing is applied", watch_with_a_change},
    {"unwatch goes back to keeping", unwatch},
    {"calls in the wrong order say what to do", calls_in_the_wrong_order},
    {"a transaction tries again up to its cap", transactions_try_again},
    {"multi and exec directly on a handle", multi_and_exec_directly},
    {"watch directly on a handle", watch_directly},
    {"MULTI and EXEC in free form", transactions_in_free_form},
};

const struct case_table pipeline_cases = {cases, sizeof(cases) / sizeof(cases[0])};
