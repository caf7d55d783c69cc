/* Sixteen threads on one handle, and sixteen children on the one they inherited, while the daemon
 * is restarted: by SIGTERM, which must leave no command in doubt, and by SIGKILL now and then,
 * which may.
 *
 * Each worker counts in a key of its own and knows what INCR must answer next: one more than
 * before, plus at most one for each command that may have been executed. So a command that ran
 * twice, a reply that was another's, and a command that was lost after its success all show. */
#include "tests/client/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORKERS = 16,
    SECONDS = 6,             /* for both cases */
    BETWEEN_RESTARTS = 5000, /* commands done */
    KILL_EVERY = 4           /* restarts */
};

struct count {
    atomic_int_fast64_t done; /* watched while it grows */
    int64_t maybe;
    int64_t last; /* what INCR answered */
    char wrong[200];
};

/* Shared with the children. */
struct board {
    atomic_bool is_over;
    struct count counts[2 * WORKERS];
};

static struct board *board;
static FlaskRedis *redis;

static void count_failure(struct count *count)
{
    const FlaskRedisError *error = flask_redis_last_error();
    if (error->maybe_executed) {
        count->maybe++;
    } else {
        snprintf(count->wrong, sizeof(count->wrong), "%s: %.150s",
                 flask_redis_status_name(error->status), error->text);
    }
}

static void check_echo(struct count *count, const char *key)
{
    redisReply *reply = flask_redis_command(redis, "ECHO %s:%lld", key, (long long)count->last);
    char expected[64];
    snprintf(expected, sizeof(expected), "%s:%lld", key, (long long)count->last);
    if (reply != NULL && (reply->str == NULL || strcmp(reply->str, expected) != 0) &&
        reply->type != REDIS_REPLY_ERROR) {
        snprintf(count->wrong, sizeof(count->wrong), "a foreign reply: %.100s", reply->str);
    }
    flask_redis_reply_free(reply);
}

/* A pipeline of one transaction counts as one command. */
static FlaskRedisStatus count_in_pipeline(const char *key, int64_t *number)
{
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    redisReply *replies = NULL;
    FlaskRedisStatus status = flask_redis_pipeline_call(pipe, "INCR", key, NULL);
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_pipeline_execute(pipe, &replies);
    }
    if (status == FLASK_REDIS_OK) {
        *number = replies->element[0]->integer;
    }
    flask_redis_reply_free(replies);
    flask_redis_pipeline_free(pipe);
    return status;
}

static void *work(void *context)
{
    struct count *count = context;
    char key[32];
    int64_t number = 0, maybe_before = 0;
    snprintf(key, sizeof(key), "count:%d", (int)(count - board->counts));
    while (!atomic_load(&board->is_over) && count->wrong[0] == '\0') {
        FlaskRedisStatus status = count->done % 4 == 0 ? count_in_pipeline(key, &number)
                                                       : flask_redis_incr(redis, key, &number);
        if (status != FLASK_REDIS_OK) {
            count_failure(count);
            continue;
        }
        if (number <= count->last || number > count->last + 1 + count->maybe - maybe_before) {
            snprintf(count->wrong, sizeof(count->wrong), "%lld after %lld, with %lld in doubt",
                     (long long)number, (long long)count->last,
                     (long long)(count->maybe - maybe_before));
        }
        count->done++;
        count->last = number;
        maybe_before = count->maybe;
        check_echo(count, key);
    }
    return NULL;
}

static int64_t all_done(void)
{
    int64_t done = 0;
    for (int i = 0; i < 2 * WORKERS; i++) {
        done += atomic_load(&board->counts[i].done);
    }
    return done;
}

static bool has_worked_on(void *goal)
{
    return all_done() >= *(const int64_t *)goal;
}

static void restart_again_and_again(struct daemon *pooler, int64_t until, bool kills)
{
    for (int i = 1; now_ms() < until; i++) {
        int64_t goal = all_done() + BETWEEN_RESTARTS;
        wait_until(has_worked_on, &goal, patience_ms());
        if (kills && i % KILL_EVERY == 0) {
            process_kill(&pooler->process);
        } else {
            daemon_stop(pooler);
        }
        daemon_restart(pooler);
    }
}

/* Returns how many commands are in doubt. */
static int64_t check_counts(struct server *server)
{
    int64_t done = 0, maybe = 0;
    for (int i = 0; i < 2 * WORKERS; i++) {
        struct count *count = &board->counts[i];
        if (count->wrong[0] != '\0') {
            FAIL("worker %d: %s", i, count->wrong);
        }
        const char *reply = server_ask(server, "GET count:%d", i)->data;
        int64_t stands = strtoll(strchr(reply, '\n') + 1, NULL, 10);
        EXPECT_BETWEEN(stands, atomic_load(&count->done), atomic_load(&count->done) + count->maybe);
        done += atomic_load(&count->done);
        maybe += count->maybe;
    }
    printf("(%lld commands done, %lld in doubt) ", (long long)done, (long long)maybe);
    return maybe;
}

static int64_t work_through_restarts(bool kills)
{
    const char *seconds = getenv("CHECK_STRESS_SECONDS");
    int64_t duration_ms = 500 * (seconds != NULL ? atoll(seconds) : SECONDS);
    pthread_t threads[WORKERS];
    pid_t children[WORKERS];
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *fixture = fixture_open_with(&(FlaskRedisOptions){.socket_connect_timeout = 20});
    redis = fixture->redis;
    fixture_do(redis, "PING");
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            work(&board->counts[WORKERS + i]);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        EXPECT_NUMBER(pthread_create(&threads[i], NULL, work, &board->counts[i]), 0);
    }
    restart_again_and_again(fixture->pooler, now_ms() + duration_ms, kills);
    atomic_store(&board->is_over, true);
    for (int i = 0; i < WORKERS; i++) {
        int status;
        pthread_join(threads[i], NULL);
        EXPECT_NUMBER(waitpid(children[i], &status, 0), children[i]);
        EXPECT_NUMBER(status, 0);
    }
    int64_t maybe = check_counts(fixture->server);
    munmap(board, sizeof(*board));
    return maybe;
}

static void orderly_restarts(void)
{
    EXPECT_NUMBER(work_through_restarts(false), 0);
}

static void all_restarts(void)
{
    work_through_restarts(true);
}

static const struct test_case cases[] = {
    {"threads and children are left in no doubt about any command while the daemon restarts",
     orderly_restarts},
    {"they lose, double and mix up nothing while it is killed, too", all_restarts},
};

SUITE_MAIN("library", cases)
