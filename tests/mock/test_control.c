/* What a test orders of an engine, and what an embedding program sees of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mock/mock.h"
#include "tests/support/suite.h"

static struct fr_mock *mock;
static struct fr_mock_session *one, *other;
static int told;

static void release(void *what)
{
    (void)what;
    fr_mock_session_destroy(one);
    fr_mock_session_destroy(other);
    fr_mock_destroy(mock);
    mock = NULL;
}

static void on_output(void *arg)
{
    (void)arg;
    told++;
}

static void begin(const struct fr_mock_options *options)
{
    mock = fr_mock_create(options);
    one = fr_mock_session_create(mock, NULL, NULL);
    other = fr_mock_session_create(mock, on_output, NULL);
    told = 0;
    case_defer(release, NULL);
}

/* Cut text, which is written to, into words. */
static size_t cut(char *text, struct fr_word *words)
{
    size_t count = 0;
    for (char *at = strtok(text, " "); at; at = strtok(NULL, " ")) {
        words[count++] = (struct fr_word){at, strlen(at)};
    }
    return count;
}

static void call(struct fr_mock_session *session, const char *line)
{
    char text[4096];
    struct fr_word words[64];
    snprintf(text, sizeof(text), "%s", line);
    fr_mock_call(session, words, cut(text, words));
}

static bool call_briefly(struct fr_mock_session *session, const char *line)
{
    char text[4096];
    struct fr_word words[64];
    snprintf(text, sizeof(text), "%s", line);
    return fr_mock_call_briefly(session, words, cut(text, words));
}

static void expect_output(const char *file, int line, struct fr_mock_session *session,
                          const char *expected)
{
    size_t len;
    const char *data = fr_mock_output(session, &len);
    expect_bytes(file, line, "output", data, len, expected, strlen(expected));
    fr_mock_taken(session, len);
}
#define EXPECT_OUTPUT(session, expected) expect_output(__FILE__, __LINE__, session, expected)

#define EXPECT_ANSWER(session, line, expected)                                                     \
    do {                                                                                           \
        call(session, line);                                                                       \
        EXPECT_OUTPUT(session, expected);                                                          \
    } while (0)

static void keys_expire_by_a_moved_clock(void)
{
    begin(NULL);
    fr_mock_clock_set(mock, 1000000);
    EXPECT_ANSWER(one, "SET k v EX 10", "+OK\r\n");
    EXPECT_ANSWER(one, "PTTL k", ":10000\r\n");
    fr_mock_clock_move(mock, 9999000);
    EXPECT_ANSWER(one, "PTTL k", ":1\r\n");
    fr_mock_clock_move(mock, 1000);
    EXPECT_ANSWER(one, "DBSIZE", ":0\r\n");
    EXPECT_ANSWER(one, "TIME", "*2\r\n$2\r\n11\r\n$1\r\n0\r\n");
}

static void waits_end_by_a_moved_clock(void)
{
    begin(NULL);
    fr_mock_clock_set(mock, 1000000);
    call(other, "BLPOP q 5");
    EXPECT(!fr_mock_may_call(other));
    EXPECT_NUMBER(fr_mock_due_us(mock), -1);
    fr_mock_clock_move(mock, 4999000);
    EXPECT_OUTPUT(other, "");
    EXPECT_NUMBER(told, 1); /* that its wait ends sooner */
    fr_mock_clock_move(mock, 1000);
    EXPECT_OUTPUT(other, "*-1\r\n");
    EXPECT(fr_mock_may_call(other));
    EXPECT_NUMBER(told, 2);
}

static void a_waiter_is_served_and_told(void)
{
    begin(NULL);
    call(other, "BLPOP q 0");
    EXPECT_ANSWER(one, "RPUSH q x", ":1\r\n");
    EXPECT_OUTPUT(other, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    EXPECT_NUMBER(told, 1);
}

static void commands_fail_as_ordered(void)
{
    begin(NULL);
    fr_mock_fail(mock, 2, "LOADING not yet", 15);
    EXPECT_ANSWER(one, "SELECT 1", "+OK\r\n");
    EXPECT_ANSWER(one, "SET k v", "-LOADING not yet\r\n");
    EXPECT_ANSWER(other, "GET k", "-LOADING not yet\r\n");
    EXPECT_ANSWER(one, "GET k", "$-1\r\n");
}

static int64_t hand_us;

static int64_t hand_clock(void *arg)
{
    (void)arg;
    return hand_us;
}

static void replies_are_held_back_as_ordered(void)
{
    begin(&(struct fr_mock_options){.now_us = hand_clock});
    hand_us = 5000000;
    fr_mock_delay(mock, 1, 2000);
    EXPECT_ANSWER(one, "SET k v", "");
    EXPECT(!fr_mock_may_call(one));
    EXPECT_NUMBER(fr_mock_due_us(mock), 2000);
    EXPECT_ANSWER(other, "GET k", "$1\r\nv\r\n");
    hand_us += 2000;
    fr_mock_tick(mock);
    EXPECT_OUTPUT(one, "+OK\r\n");
    EXPECT(fr_mock_may_call(one));
}

static void connections_are_dropped_as_ordered(void)
{
    begin(NULL);
    EXPECT_ANSWER(one, "MOCK DROP 1", "+OK\r\n");
    EXPECT_ANSWER(other, "SET k v", "");
    EXPECT(fr_mock_has_ended(other));
    EXPECT_ANSWER(one, "GET k", "$-1\r\n");
}

static void snapshots_bring_all_types_back(void)
{
    begin(NULL);
    static const char *const fill[] = {"SET s 1",
                                       "RPUSH l a b",
                                       "SADD S x",
                                       "ZADD z 1.5 m",
                                       "HSET h f v",
                                       "XADD x 1-1 f v",
                                       "XGROUP CREATE x g 0",
                                       "PEXPIREAT s 4000000000000"};
    for (size_t i = 0; i < sizeof(fill) / sizeof(fill[0]); i++) {
        call(other, fill[i]);
    }
    fr_mock_snapshot(mock, "all", 3);
    call(other, "FLUSHALL");
    call(other, "SET left over");
    EXPECT(!fr_mock_restore(mock, "none", 4));
    EXPECT(fr_mock_restore(mock, "all", 3));
    EXPECT_ANSWER(one, "DBSIZE", ":6\r\n");
    EXPECT_ANSWER(one, "LRANGE l 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    EXPECT_ANSWER(one, "ZSCORE z m", "$3\r\n1.5\r\n");
    EXPECT_ANSWER(one, "HGET h f", "$1\r\nv\r\n");
    EXPECT_ANSWER(one, "XLEN x", ":1\r\n");
    EXPECT_ANSWER(one, "XGROUP DESTROY x g", ":1\r\n");
    EXPECT_ANSWER(one, "PEXPIRETIME s", ":4000000000000\r\n");
    EXPECT_ANSWER(one, "SISMEMBER S x", ":1\r\n");
}

static void the_same_seed_gives_the_same_chance(void)
{
    begin(NULL);
    char first[512];
    size_t len;
    call(other, "SADD S a b c d e f g h i j k l m n o p");
    fr_mock_snapshot(mock, "full", 4);
    fr_mock_seed(mock, 7);
    call(one, "SPOP S 5");
    const char *data = fr_mock_output(one, &len);
    EXPECT(len < sizeof(first));
    memcpy(first, data, len);
    fr_mock_taken(one, len);
    fr_mock_restore(mock, "full", 4);
    fr_mock_seed(mock, 7);
    call(one, "SPOP S 5");
    size_t again_len;
    data = fr_mock_output(one, &again_len);
    expect_bytes(__FILE__, __LINE__, "members", data, again_len, first, len);
}

static void memory_is_bounded(void)
{
    begin(&(struct fr_mock_options){.memory_max = 1000000});
    static const char oom[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    EXPECT_ANSWER(one, "SETRANGE k 2000000 x", oom);
    EXPECT_ANSWER(one, "SETBIT k 80000000 1", oom);
    for (int i = 0; i < 100000; i++) {
        char line[64];
        snprintf(line, sizeof(line), "RPUSH l item%d", i);
        call(other, line);
        size_t len;
        fr_mock_output(other, &len);
        fr_mock_taken(other, len);
    }
    EXPECT_BETWEEN(fr_mock_memory(mock), 900000, 2500000);
    EXPECT_ANSWER(one, "SET k v", oom);
    EXPECT_ANSWER(one, "DEL l", ":1\r\n");
    EXPECT_ANSWER(one, "SET k v", "+OK\r\n");
}

static void an_output_nobody_reads_ends_the_connection(void)
{
    begin(&(struct fr_mock_options){.memory_max = 1000000});
    call(one, "SADD S member");
    call(one, "SRANDMEMBER S -100000000");
    EXPECT(fr_mock_has_ended(one));
    EXPECT_BETWEEN(fr_mock_memory(mock), 0, 3000000);
}

static void a_scan_shows_what_stays_exactly_once(void)
{
    begin(NULL);
    enum {
        KEYS = 1000
    };
    static int seen[KEYS];
    memset(seen, 0, sizeof(seen));
    char line[128], data[4096], cursor[32] = "0";
    size_t len;
    for (int i = 0; i < KEYS; i++) {
        snprintf(line, sizeof(line), "SET key%d v", i);
        call(other, line);
    }
    int round = 0;
    do {
        snprintf(line, sizeof(line), "SCAN %s COUNT 7", cursor);
        call(one, line);
        const char *output = fr_mock_output(one, &len);
        EXPECT(len < sizeof(data));
        memcpy(data, output, len);
        data[len] = '\0';
        EXPECT(sscanf(data, "*2\r\n$%*d\r\n%31[0-9]", cursor) == 1);
        for (const char *at = data; (at = memmem(at, len - (size_t)(at - data), "key", 3)); at++) {
            int key = atoi(at + 3);
            seen[key < KEYS ? key : 0]++;
        }
        fr_mock_taken(one, len);
        snprintf(line, sizeof(line), "SET new%d v", round);
        call(other, line);
        snprintf(line, sizeof(line), "DEL key%d", round * 3 + 1); /* the odd ones may go */
        call(other, line);
        round++;
    } while (strcmp(cursor, "0") != 0);
    for (int i = 0; i < KEYS; i++) {
        EXPECT(i % 3 == 1 ? seen[i] <= 1 : seen[i] == 1);
    }
}

/* The server's words for each; what would close the suites' own connections to one is asked here
 * only. */
static void clients_are_closed_by_what_they_are(void)
{
    begin(NULL);
    EXPECT_ANSWER(one, "CLIENT KILL x", "-ERR No such client\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL TYPE other", "-ERR Unknown client type 'other'\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL USER Default", "-ERR No such user 'Default'\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL SKIPME maybe", "-ERR syntax error\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL ID 1 TYPE", "-ERR syntax error\r\n");
    EXPECT_ANSWER(one, "CLIENT LIST ID x", "-ERR Invalid client ID\r\n");
    EXPECT_ANSWER(one, "CLIENT KILL TYPE pubsub", ":0\r\n");
    call(other, "BLPOP q 0");
    EXPECT_ANSWER(one, "CLIENT KILL USER default TYPE normal", ":1\r\n");
    EXPECT(fr_mock_has_ended(other) && !fr_mock_has_ended(one));
    EXPECT_NUMBER(told, 1);
    EXPECT_ANSWER(one, "RPUSH q x", ":1\r\n"); /* nobody waits any more */
    EXPECT_ANSWER(one, "CLIENT KILL SKIPME no", ":1\r\n");
    EXPECT(fr_mock_has_ended(one));
}

static void a_client_is_closed_by_its_address(void)
{
    begin(NULL);
    EXPECT_ANSWER(one, "CLIENT KILL mock:2", "+OK\r\n");
    EXPECT(fr_mock_has_ended(other));
    EXPECT_ANSWER(one, "CLIENT KILL mock:1", "+OK\r\n");
    EXPECT(fr_mock_has_ended(one));
}

static void expect_lag(const char *expected)
{
    char text[256];
    size_t len;
    call(one, "XINFO GROUPS x");
    const char *output = fr_mock_output(one, &len);
    snprintf(text, sizeof(text), "%.*s", (int)len, output);
    fr_mock_taken(one, len);
    const char *lag = strstr(text, "lag\r\n");
    EXPECT(lag != NULL && strcmp(lag + 5, expected) == 0);
}

/* As redis-server 7.0.15 counts. */
static void what_was_deleted_in_front_leaves_no_gap(void)
{
    begin(NULL);
    EXPECT_ANSWER(one, "XADD x 1-1 f v", "$3\r\n1-1\r\n");
    EXPECT_ANSWER(one, "XADD x 2-2 f v", "$3\r\n2-2\r\n");
    EXPECT_ANSWER(one, "XADD x 3-3 f v", "$3\r\n3-3\r\n");
    EXPECT_ANSWER(one, "XGROUP CREATE x g 0 ENTRIESREAD 0", "+OK\r\n");
    EXPECT_ANSWER(one, "XDEL x 1-1", ":1\r\n");
    expect_lag(":3\r\n");
    EXPECT_ANSWER(one, "XDEL x 2-2", ":1\r\n");
    EXPECT_ANSWER(one, "XADD x 4-4 f v", "$3\r\n4-4\r\n");
    EXPECT_ANSWER(one, "XADD x 5-5 f v", "$3\r\n5-5\r\n");
    EXPECT_ANSWER(one, "XDEL x 4-4", ":1\r\n");
    expect_lag("$-1\r\n");
}

/* redis-server serves by the last id there was, not by what is left. */
static void who_waits_for_a_stream_is_told_of_what_was_trimmed(void)
{
    begin(NULL);
    call(other, "XREAD BLOCK 0 STREAMS x 0");
    EXPECT_ANSWER(one, "XADD x MAXLEN 0 1-1 f v", "$3\r\n1-1\r\n");
    EXPECT_OUTPUT(other, "*1\r\n*2\r\n$1\r\nx\r\n*0\r\n");
    call(other, "XREAD STREAMS x 0");
    EXPECT_OUTPUT(other, "*-1\r\n");
}

/* A listpack keeps whole numbers as such. */
static void scores_of_small_sets_are_scanned_without_exponent(void)
{
    begin(NULL);
    EXPECT_ANSWER(one, "ZADD z 1e17 m", ":1\r\n");
    EXPECT_ANSWER(one, "ZSCAN z 0",
                  "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$18\r\n100000000000000000\r\n");
    EXPECT_ANSWER(one, "ZSCORE z m", "$5\r\n1e+17\r\n");
}

static void what_may_take_long_is_left_undone(void)
{
    begin(NULL);
    EXPECT(call_briefly(one, "SADD s a b"));
    EXPECT_OUTPUT(one, ":2\r\n");
    static const char *const left[] = {"SUNIONSTORE d s", "KEYS *", "SORT s ALPHA", "FLUSHALL",
                                       "MOCK RESET"};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        EXPECT(!call_briefly(one, left[i]));
        EXPECT_OUTPUT(one, "");
    }
    EXPECT_ANSWER(one, "EXISTS s d", ":1\r\n");
    EXPECT(call_briefly(one, "SORT"));
    EXPECT_OUTPUT(one, "-ERR wrong number of arguments for 'sort' command\r\n");
}

static void where_there_is_much_going_through_it_takes_long(void)
{
    begin(NULL);
    EXPECT(call_briefly(one, "SADD s a") && call_briefly(one, "SMEMBERS s"));
    EXPECT_OUTPUT(one, ":1\r\n*1\r\n$1\r\na\r\n");
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "SMEMBERS s"));
    EXPECT(call_briefly(one, "SETRANGE big 5000000 x") &&
           call_briefly(other, "SETRANGE big 5000000 x"));
    EXPECT_OUTPUT(one, "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    EXPECT(!call_briefly(other, "SMEMBERS s") && !call_briefly(one, "EXEC"));
    EXPECT(call_briefly(other, "GET s") && call_briefly(one, "DISCARD"));
    EXPECT_OUTPUT(one, "+OK\r\n");
    EXPECT_ANSWER(one, "DEL big", ":1\r\n");
    EXPECT(call_briefly(one, "SMEMBERS s"));
    EXPECT_OUTPUT(one, "*1\r\n$1\r\na\r\n");
}

static void a_transaction_takes_as_long_as_what_is_queued(void)
{
    begin(NULL);
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "SET k v") && call_briefly(one, "EXEC"));
    EXPECT_OUTPUT(one, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "KEYS *"));
    EXPECT_OUTPUT(one, "+OK\r\n+QUEUED\r\n");
    EXPECT(!call_briefly(one, "EXEC"));
    EXPECT_ANSWER(one, "EXEC", "*1\r\n*1\r\n$1\r\nk\r\n");
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "SET k w") && call_briefly(one, "EXEC"));
    EXPECT_OUTPUT(one, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
}

/* A name and that many words more, each another. */
static bool call_many_briefly(struct fr_mock_session *session, const char *name, size_t count)
{
    char(*text)[16] = case_alloc(count * sizeof(*text));
    struct fr_word *words = case_alloc((count + 1) * sizeof(*words));
    words[0] = (struct fr_word){name, strlen(name)};
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(text[i], sizeof(text[i]), "key:%zu", i);
        words[i + 1] = (struct fr_word){text[i], (size_t)len};
    }
    return fr_mock_call_briefly(session, words, count + 1);
}

static void many_words_take_long(void)
{
    begin(NULL);
    EXPECT(call_many_briefly(one, "EXISTS", 10000) && !call_many_briefly(one, "EXISTS", 20000));
    EXPECT(call_many_briefly(one, "WATCH", 400) && !call_many_briefly(one, "WATCH", 1000));
    EXPECT(call_many_briefly(other, "MSET", 400) && !call_many_briefly(other, "MSET", 1000));
    EXPECT(call_briefly(one, "UNWATCH") && call_many_briefly(other, "MSET", 1000));
    EXPECT_OUTPUT(one, ":0\r\n+OK\r\n+OK\r\n");
    EXPECT_OUTPUT(other, "+OK\r\n+OK\r\n");
    call(one, "BLPOP a b c d e f g h i j k l m n o p q r s t u v w x y z 0");
    EXPECT(!call_many_briefly(other, "EXISTS", 15000));
    call(other, "RPUSH z 1");
    EXPECT(call_many_briefly(other, "EXISTS", 15000));
    EXPECT_OUTPUT(one, "*2\r\n$1\r\nz\r\n$1\r\n1\r\n");
    EXPECT_OUTPUT(other, ":1\r\n:500\r\n");
}

static void what_picks_as_often_as_it_is_told_takes_long(void)
{
    begin(NULL);
    EXPECT(call_briefly(one, "SRANDMEMBER s") && !call_briefly(one, "SRANDMEMBER s -1000000000"));
    EXPECT(!call_briefly(one, "HRANDFIELD h -2") && !call_briefly(one, "ZRANDMEMBER z -2"));
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "SRANDMEMBER s -2"));
    EXPECT(!call_briefly(one, "EXEC") && call_briefly(one, "DISCARD"));
    EXPECT_OUTPUT(one, "$-1\r\n+OK\r\n+QUEUED\r\n+OK\r\n");
}

static void a_value_that_is_gone_through_often_takes_long(void)
{
    begin(NULL);
    EXPECT(call_briefly(one, "SETRANGE big 3000000 x") && call_briefly(one, "BITCOUNT big"));
    EXPECT(call_briefly(one, "MULTI") && call_briefly(one, "BITCOUNT big") &&
           call_briefly(one, "BITCOUNT big"));
    EXPECT(!call_briefly(one, "EXEC") && call_briefly(one, "DISCARD"));
    EXPECT_OUTPUT(one, ":3000001\r\n:4\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+OK\r\n");
    EXPECT(!call_many_briefly(one, "MGET", 30) && call_many_briefly(one, "MGET", 2));
    EXPECT_OUTPUT(one, "*2\r\n$-1\r\n$-1\r\n");
}

static const struct test_case cases[] = {
    {"many words take long", many_words_take_long},
    {"what picks as often as it is told takes long", what_picks_as_often_as_it_is_told_takes_long},
    {"a value that is gone through often takes long",
     a_value_that_is_gone_through_often_takes_long},
    {"what may take long is left undone, if that is asked for", what_may_take_long_is_left_undone},
    {"where there is much, going through it takes long",
     where_there_is_much_going_through_it_takes_long},
    {"a transaction takes as long as what is queued",
     a_transaction_takes_as_long_as_what_is_queued},
    {"who waits for a stream is told of what was trimmed at once",
     who_waits_for_a_stream_is_told_of_what_was_trimmed},
    {"scores of small sorted sets are scanned without an exponent",
     scores_of_small_sets_are_scanned_without_exponent},
    {"what was deleted in front of a stream leaves no gap",
     what_was_deleted_in_front_leaves_no_gap},
    {"clients are closed by what they are", clients_are_closed_by_what_they_are},
    {"a client is closed by its address", a_client_is_closed_by_its_address},
    {"keys expire by a moved clock", keys_expire_by_a_moved_clock},
    {"waits end by a moved clock", waits_end_by_a_moved_clock},
    {"who waits is served and told", a_waiter_is_served_and_told},
    {"commands fail as ordered", commands_fail_as_ordered},
    {"replies are held back as ordered", replies_are_held_back_as_ordered},
    {"connections are dropped as ordered", connections_are_dropped_as_ordered},
    {"snapshots bring all types back", snapshots_bring_all_types_back},
    {"the same seed gives the same chance", the_same_seed_gives_the_same_chance},
    {"memory is bounded", memory_is_bounded},
    {"an output nobody reads ends the connection", an_output_nobody_reads_ends_the_connection},
    {"a scan shows what stays exactly once", a_scan_shows_what_stays_exactly_once},
};
SUITE_MAIN("mock control", cases)
