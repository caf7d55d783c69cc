/* The typed commands: what each returns for a value, for nothing, and for a mistake. */
#include "tests/client/fixture.h"

#include <math.h>
#include <string.h>

/* --- strings ---------------------------------------------------------------------------------- */

static void set_and_get(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes value;
    OK(flask_redis_set(redis, "k", "v", NULL));
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "v");
    STATUS(flask_redis_get(redis, "none", &value), FLASK_REDIS_NIL);
    EXPECT(value.data == NULL && value.len == 0);
    OK(flask_redis_set(redis, "empty", "", NULL));
    OK(flask_redis_get(redis, "empty", &value));
    TEXT(&value, "");
    OK(flask_redis_get(redis, "k", NULL));
}

static void binary_everywhere(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    static const char nul[] = "a\0b\r\n\xff";
    FlaskRedisBytes bytes = flask_redis_bytes(nul, sizeof(nul) - 1), value;
    FlaskRedisArray members;
    FlaskRedisPairs pairs;
    OK(flask_redis_set(redis, bytes, bytes, NULL));
    OK(flask_redis_get(redis, bytes, &value));
    TEXT(&value, "a\0b\r\n\xff");
    OK(flask_redis_sadd(redis, "s", bytes, NULL));
    OK(flask_redis_smembers(redis, "s", &members));
    EXPECT_NUMBER(members.count, 1);
    TEXT(&members.items[0], "a\0b\r\n\xff");
    flask_redis_array_free(&members);
    OK(flask_redis_hset(redis, "h", bytes, bytes, NULL));
    OK(flask_redis_hgetall(redis, "h", &pairs));
    EXPECT_NUMBER(pairs.count, 1);
    EXPECT(flask_redis_pairs_get(&pairs, bytes) != NULL);
    flask_redis_pairs_free(&pairs);
}

static void large_values(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    size_t len = (size_t)3 << 20;
    char *data = case_alloc(len);
    FlaskRedisBytes value;
    memset(data, 'x', len);
    OK(flask_redis_set(redis, "large", flask_redis_bytes(data, len), NULL));
    OK(flask_redis_get(redis, "large", &value));
    EXPECT_NUMBER(value.len, len);
    EXPECT(memcmp(value.data, data, len) == 0);
    flask_redis_bytes_free(&value);
}

static void set_with_conditions(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes value;
    STATUS(flask_redis_set(redis, "k", "1", &(FlaskRedisSet){.xx = true}), FLASK_REDIS_NOT_SET);
    OK(flask_redis_set(redis, "k", "1", &(FlaskRedisSet){.nx = true}));
    STATUS(flask_redis_set(redis, "k", "2", &(FlaskRedisSet){.nx = true}), FLASK_REDIS_NOT_SET);
    OK(flask_redis_set(redis, "k", "3", &(FlaskRedisSet){.xx = true, .get = &value}));
    TEXT(&value, "1");
    OK(flask_redis_set(redis, "new", "x", &(FlaskRedisSet){.get = &value}));
    EXPECT(value.data == NULL);
    STATUS(flask_redis_set(redis, "k", "4", &(FlaskRedisSet){.nx = true, .get = &value}),
           FLASK_REDIS_NOT_SET);
    TEXT(&value, "3");
    STATUS(flask_redis_set(redis, "none", "4", &(FlaskRedisSet){.xx = true, .get = &value}),
           FLASK_REDIS_NOT_SET);
}

static void set_with_expiry(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    int64_t left;
    OK(flask_redis_set(redis, "k", "v", &(FlaskRedisSet){.ex = 100}));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 99, 100);
    OK(flask_redis_set(redis, "k", "w", &(FlaskRedisSet){.keepttl = true}));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 90, 100);
    OK(flask_redis_set(redis, "k", "v", &(FlaskRedisSet){.px = 50000}));
    OK(flask_redis_pttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 1, 50000);
    OK(flask_redis_set(redis, "k", "v", &(FlaskRedisSet){.exat = 4000000000}));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 100000, 4000000000);
    OK(flask_redis_set(redis, "k", "v", &(FlaskRedisSet){.pxat = 4000000000000}));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 100000, 4000000000);
}

static void contradictory_options_are_not_sent(void)
{
    struct fixture *fixture = fixture_open();
    FlaskRedis *redis = fixture->redis;
    FlaskRedisSet bad[] = {{.ex = 1, .px = 1},
                           {.nx = true, .xx = true},
                           {.ex = 1, .keepttl = true},
                           {.exat = 1, .pxat = 1},
                           {.ex = -1},
                           {.pxat = -5}};
    FlaskRedisExpiry bad_ex[] = {{.ex = 1, .px = 1}, {.ex = 1, .persist = true}, {.px = -1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        STATUS(flask_redis_set(redis, "k", "v", &bad[i]), FLASK_REDIS_DATA);
    }
    for (size_t i = 0; i < sizeof(bad_ex) / sizeof(bad_ex[0]); i++) {
        STATUS(flask_redis_getex(redis, "k", &bad_ex[i], NULL), FLASK_REDIS_DATA);
    }
    EXPECT_NUMBER(fixture_calls(fixture, "set"), 0);
    EXPECT_NUMBER(fixture_calls(fixture, "getex"), 0);
}

static void getset_getdel_getex(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes value;
    int64_t left;
    STATUS(flask_redis_getset(redis, "k", "1", &value), FLASK_REDIS_NIL);
    OK(flask_redis_getset(redis, "k", "2", &value));
    TEXT(&value, "1");
    OK(flask_redis_getex(redis, "k", &(FlaskRedisExpiry){.ex = 50}, &value));
    TEXT(&value, "2");
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 49, 50);
    OK(flask_redis_getex(redis, "k", &(FlaskRedisExpiry){.persist = true}, NULL));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_NUMBER(left, -1);
    OK(flask_redis_getex(redis, "k", NULL, NULL));
    OK(flask_redis_getdel(redis, "k", &value));
    TEXT(&value, "2");
    STATUS(flask_redis_getdel(redis, "k", &value), FLASK_REDIS_NIL);
}

static void numbers(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    int64_t number;
    double fraction;
    OK(flask_redis_incr(redis, "n", &number));
    EXPECT_NUMBER(number, 1);
    OK(flask_redis_incrby(redis, "n", INT64_MAX - 1, &number));
    EXPECT_NUMBER(number, INT64_MAX);
    STATUS(flask_redis_incr(redis, "n", &number), FLASK_REDIS_RESPONSE);
    EXPECT_NUMBER(number, 0);
    OK(flask_redis_set(redis, "n", "10", NULL));
    OK(flask_redis_decr(redis, "n", &number));
    EXPECT_NUMBER(number, 9);
    OK(flask_redis_decrby(redis, "n", 19, &number));
    EXPECT_NUMBER(number, -10);
    OK(flask_redis_set(redis, "f", "1.5", NULL));
    OK(flask_redis_incrbyfloat(redis, "f", 0.1, &fraction));
    EXPECT(fabs(fraction - 1.6) < 1e-12);
    STATUS(flask_redis_incrbyfloat(redis, "f", NAN, &fraction), FLASK_REDIS_DATA);
}

static void parts_of_strings(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes value;
    int64_t len;
    OK(flask_redis_append(redis, "k", "hello", &len));
    EXPECT_NUMBER(len, 5);
    OK(flask_redis_strlen(redis, "k", &len));
    EXPECT_NUMBER(len, 5);
    OK(flask_redis_strlen(redis, "none", &len));
    EXPECT_NUMBER(len, 0);
    OK(flask_redis_setrange(redis, "k", 1, "u", &len));
    OK(flask_redis_getrange(redis, "k", 0, -2, &value));
    TEXT(&value, "hull");
    OK(flask_redis_getrange(redis, "none", 0, -1, &value));
    TEXT(&value, "");
}

static void several_at_once(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisArray values;
    bool was_set;
    OK(flask_redis_mset(redis, FLASK_REDIS_LIST("a", "1", "b", "2")));
    OK(flask_redis_mget(redis, FLASK_REDIS_LIST("a", "none", "b"), &values));
    ARRAY(&values, "1 (nil) 2");
    STATUS(flask_redis_mset(redis, FLASK_REDIS_LIST("a", "1", "b")), FLASK_REDIS_DATA);
    STATUS(flask_redis_mset(redis, FLASK_REDIS_NONE), FLASK_REDIS_DATA);
    STATUS(flask_redis_mget(redis, FLASK_REDIS_NONE, &values), FLASK_REDIS_DATA);
    OK(flask_redis_setnx(redis, "a", "x", &was_set));
    EXPECT(!was_set);
    OK(flask_redis_setnx(redis, "c", "x", &was_set));
    EXPECT(was_set);
}

static void items(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes value;
    bool is_there;
    STATUS(flask_redis_getitem(redis, "k", &value), FLASK_REDIS_KEY_ERROR);
    EXPECT_HAS(last_text(), "k");
    OK(flask_redis_setitem(redis, "k", "v"));
    OK(flask_redis_contains(redis, "k", &is_there));
    EXPECT(is_there);
    OK(flask_redis_getitem(redis, "k", &value));
    TEXT(&value, "v");
    OK(flask_redis_delitem(redis, "k"));
    OK(flask_redis_delitem(redis, "k"));
    OK(flask_redis_contains(redis, "k", &is_there));
    EXPECT(!is_there);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void keys(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisArray names;
    FlaskRedisBytes type;
    int64_t count;
    OK(flask_redis_keys(redis, "*", &names));
    ARRAY(&names, "");
    OK(flask_redis_mset(redis, FLASK_REDIS_LIST("a1", "1", "a2", "2", "b", "3")));
    OK(flask_redis_keys(redis, "a*", &names));
    SORTED(&names, "a1 a2");
    OK(flask_redis_exists(redis, FLASK_REDIS_LIST("a1", "a1", "none"), &count));
    EXPECT_NUMBER(count, 2);
    OK(flask_redis_type(redis, "a1", &type));
    TEXT(&type, "string");
    OK(flask_redis_type(redis, "none", &type));
    TEXT(&type, "none");
    OK(flask_redis_rename(redis, "b", "c"));
    STATUS(flask_redis_rename(redis, "b", "c"), FLASK_REDIS_RESPONSE);
    OK(flask_redis_delete(redis, "c", &count));
    EXPECT_NUMBER(count, 1);
    OK(flask_redis_keys(redis, "*", &names));
    OK(flask_redis_unlink(redis, names, &count));
    EXPECT_NUMBER(count, 2);
    flask_redis_array_free(&names);
    STATUS(flask_redis_delete(redis, FLASK_REDIS_NONE, &count), FLASK_REDIS_DATA);
}

static void expiry(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    bool was_set;
    int64_t left;
    OK(flask_redis_ttl(redis, "none", &left));
    EXPECT_NUMBER(left, -2);
    OK(flask_redis_set(redis, "k", "v", NULL));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_NUMBER(left, -1);
    OK(flask_redis_expire(redis, "k", 100, &was_set));
    EXPECT(was_set);
    OK(flask_redis_expire(redis, "none", 100, &was_set));
    EXPECT(!was_set);
    OK(flask_redis_pexpire(redis, "k", 90000, &was_set));
    OK(flask_redis_pttl(redis, "k", &left));
    EXPECT_BETWEEN(left, 1, 90000);
    OK(flask_redis_persist(redis, "k", &was_set));
    EXPECT(was_set);
    OK(flask_redis_persist(redis, "k", &was_set));
    EXPECT(!was_set);
    OK(flask_redis_expireat(redis, "k", 1, &was_set));
    OK(flask_redis_ttl(redis, "k", &left));
    EXPECT_NUMBER(left, -2);
}

static void scans(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisBytes name, value;
    int seen = 0;
    for (int i = 0; i < 300; i++) {
        fixture_do(redis, "SET key:%d %d", i, i);
        fixture_do(redis, "HSET h f%d v%d", i, i);
        fixture_do(redis, "ZADD z %d m%d", i, i);
    }
    FlaskRedisScan *scan = flask_redis_scan(
        redis, &(FlaskRedisScanOptions){.match = FLASK_REDIS_BYTES("key:1*"), .count = 20});
    while (flask_redis_scan_next(scan, &name, NULL) == FLASK_REDIS_OK) {
        EXPECT(strncmp(name.data, "key:1", 5) == 0);
        seen++;
    }
    EXPECT_NUMBER(seen, 111);
    STATUS(flask_redis_scan_next(scan, &name, NULL), FLASK_REDIS_NIL);
    flask_redis_scan_free(scan);
    scan = flask_redis_scan(redis, &(FlaskRedisScanOptions){.type = "hash"});
    OK(flask_redis_scan_next(scan, &name, &value));
    EXPECT(strcmp(name.data, "h") == 0 && value.data == NULL);
    STATUS(flask_redis_scan_next(scan, &name, NULL), FLASK_REDIS_NIL);
    flask_redis_scan_free(scan);
    scan = flask_redis_hscan(redis, "h", NULL);
    for (seen = 0; flask_redis_scan_next(scan, &name, &value) == FLASK_REDIS_OK; seen++) {
        EXPECT(strcmp(name.data + 1, value.data + 1) == 0);
    }
    EXPECT_NUMBER(seen, 300);
    flask_redis_scan_free(scan);
    scan = flask_redis_zscan(redis, "z", NULL);
    for (seen = 0; flask_redis_scan_next(scan, &name, &value) == FLASK_REDIS_OK; seen++) {
        EXPECT(strcmp(name.data + 1, value.data) == 0);
    }
    EXPECT_NUMBER(seen, 300);
    flask_redis_scan_free(scan);
    OK(flask_redis_sadd(redis, "s", FLASK_REDIS_LIST("a", "b"), NULL));
    scan = flask_redis_sscan(redis, "s", NULL);
    OK(flask_redis_scan_next(scan, NULL, NULL));
    flask_redis_scan_free(scan);
    scan = flask_redis_sscan(redis, "h", NULL);
    STATUS(flask_redis_scan_next(scan, &name, NULL), FLASK_REDIS_RESPONSE);
    flask_redis_scan_free(scan);
}

/* --- hashes, lists, sets ---------------------------------------------------------------------- */

static void hashes(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPairs pairs;
    FlaskRedisArray array;
    FlaskRedisBytes value;
    int64_t count;
    bool is_there;
    OK(flask_redis_hgetall(redis, "h", &pairs));
    EXPECT_NUMBER(pairs.count, 0);
    OK(flask_redis_hset(redis, "h", "f", "v", &count));
    EXPECT_NUMBER(count, 1);
    OK(flask_redis_hset_mapping(redis, "h", FLASK_REDIS_LIST("f", "w", "g", "7"), &count));
    EXPECT_NUMBER(count, 1);
    STATUS(flask_redis_hset_mapping(redis, "h", "f", &count), FLASK_REDIS_DATA);
    OK(flask_redis_hget(redis, "h", "f", &value));
    TEXT(&value, "w");
    STATUS(flask_redis_hget(redis, "h", "none", &value), FLASK_REDIS_NIL);
    OK(flask_redis_hmget(redis, "h", FLASK_REDIS_LIST("g", "none"), &array));
    ARRAY(&array, "7 (nil)");
    OK(flask_redis_hgetall(redis, "h", &pairs));
    EXPECT_NUMBER(pairs.count, 2);
    EXPECT(strcmp(flask_redis_pairs_get(&pairs, "g")->data, "7") == 0);
    EXPECT(flask_redis_pairs_get(&pairs, "none") == NULL);
    OK(flask_redis_hset_mapping(redis, "copy", pairs, &count));
    EXPECT_NUMBER(count, 2);
    flask_redis_pairs_free(&pairs);
    OK(flask_redis_hkeys(redis, "h", &array));
    SORTED(&array, "f g");
    OK(flask_redis_hvals(redis, "h", &array));
    SORTED(&array, "7 w");
    OK(flask_redis_hlen(redis, "h", &count));
    EXPECT_NUMBER(count, 2);
    OK(flask_redis_hexists(redis, "h", "f", &is_there));
    EXPECT(is_there);
    OK(flask_redis_hincrby(redis, "h", "g", 3, &count));
    EXPECT_NUMBER(count, 10);
    OK(flask_redis_hdel(redis, "h", FLASK_REDIS_LIST("f", "none"), &count));
    EXPECT_NUMBER(count, 1);
}

static void lists(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisArray array;
    FlaskRedisBytes value;
    int64_t len;
    OK(flask_redis_lrange(redis, "l", 0, -1, &array));
    ARRAY(&array, "");
    OK(flask_redis_rpush(redis, "l", FLASK_REDIS_LIST("a", "b", "c", "d"), &len));
    EXPECT_NUMBER(len, 4);
    OK(flask_redis_lpush(redis, "l", "z", &len));
    OK(flask_redis_lrange(redis, "l", 0, -1, &array));
    ARRAY(&array, "z a b c d");
    OK(flask_redis_lpop(redis, "l", &value));
    TEXT(&value, "z");
    OK(flask_redis_rpop(redis, "l", &value));
    TEXT(&value, "d");
    OK(flask_redis_lindex(redis, "l", 1, &value));
    TEXT(&value, "b");
    STATUS(flask_redis_lindex(redis, "l", 9, &value), FLASK_REDIS_NIL);
    OK(flask_redis_lset(redis, "l", 1, "B"));
    STATUS(flask_redis_lset(redis, "l", 9, "B"), FLASK_REDIS_RESPONSE);
    OK(flask_redis_linsert(redis, "l", FLASK_REDIS_LEFT, "B", "x", &len));
    OK(flask_redis_linsert(redis, "l", FLASK_REDIS_RIGHT, "B", "x", &len));
    OK(flask_redis_lrem(redis, "l", 0, "x", &len));
    EXPECT_NUMBER(len, 2);
    OK(flask_redis_llen(redis, "l", &len));
    EXPECT_NUMBER(len, 3);
    OK(flask_redis_ltrim(redis, "l", 0, 1));
    OK(flask_redis_lmove(redis, "l", "m", FLASK_REDIS_RIGHT, FLASK_REDIS_LEFT, &value));
    TEXT(&value, "B");
    OK(flask_redis_lpop_count(redis, "l", 5, &array));
    ARRAY(&array, "a");
    STATUS(flask_redis_lpop_count(redis, "l", 5, &array), FLASK_REDIS_NIL);
    STATUS(flask_redis_rpop_count(redis, "l", 5, &array), FLASK_REDIS_NIL);
    STATUS(flask_redis_lpop(redis, "l", &value), FLASK_REDIS_NIL);
    STATUS(flask_redis_lmove(redis, "l", "m", FLASK_REDIS_LEFT, FLASK_REDIS_LEFT, &value),
           FLASK_REDIS_NIL);
}

static void blocking_pops(void)
{
    FlaskRedis *redis = fixture_open_with(&(FlaskRedisOptions){.socket_timeout = 10})->redis;
    FlaskRedisBytes key, value;
    STATUS(flask_redis_blpop(redis, FLASK_REDIS_LIST("a", "b"), 0.05, &key, &value),
           FLASK_REDIS_NIL);
    EXPECT(key.data == NULL && value.data == NULL);
    OK(flask_redis_rpush(redis, "b", FLASK_REDIS_LIST("1", "2", "3"), NULL));
    OK(flask_redis_blpop(redis, FLASK_REDIS_LIST("a", "b"), 1, &key, &value));
    TEXT(&key, "b");
    TEXT(&value, "1");
    OK(flask_redis_brpop(redis, "b", 1, NULL, &value));
    TEXT(&value, "3");
    OK(flask_redis_blmove(redis, "b", "c", FLASK_REDIS_LEFT, FLASK_REDIS_LEFT, 1, &value));
    TEXT(&value, "2");
    STATUS(flask_redis_blmove(redis, "b", "c", FLASK_REDIS_LEFT, FLASK_REDIS_LEFT, 0.05, &value),
           FLASK_REDIS_NIL);
    STATUS(flask_redis_blpop(redis, "b", -1, &key, &value), FLASK_REDIS_DATA);
    STATUS(flask_redis_blpop(redis, FLASK_REDIS_NONE, 1, &key, &value), FLASK_REDIS_DATA);
}

static void sets(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisArray array;
    FlaskRedisBytes value;
    int64_t count;
    bool is_member;
    OK(flask_redis_smembers(redis, "s", &array));
    ARRAY(&array, "");
    OK(flask_redis_sadd(redis, "s", FLASK_REDIS_LIST("a", "b", "c"), &count));
    EXPECT_NUMBER(count, 3);
    OK(flask_redis_sadd(redis, "t", FLASK_REDIS_LIST("b", "d"), &count));
    OK(flask_redis_smembers(redis, "s", &array));
    SORTED(&array, "a b c");
    OK(flask_redis_sinter(redis, FLASK_REDIS_LIST("s", "t"), &array));
    SORTED(&array, "b");
    OK(flask_redis_sunion(redis, FLASK_REDIS_LIST("s", "t"), &array));
    SORTED(&array, "a b c d");
    OK(flask_redis_sdiff(redis, FLASK_REDIS_LIST("s", "t"), &array));
    SORTED(&array, "a c");
    OK(flask_redis_sismember(redis, "s", "a", &is_member));
    EXPECT(is_member);
    OK(flask_redis_srem(redis, "s", FLASK_REDIS_LIST("a", "none"), &count));
    EXPECT_NUMBER(count, 1);
    OK(flask_redis_sismember(redis, "s", "a", &is_member));
    EXPECT(!is_member);
    OK(flask_redis_scard(redis, "s", &count));
    EXPECT_NUMBER(count, 2);
    OK(flask_redis_spop(redis, "s", &value));
    flask_redis_bytes_free(&value);
    STATUS(flask_redis_spop(redis, "none", &value), FLASK_REDIS_NIL);
}

static void sorted_sets(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisScored members[] = {{FLASK_REDIS_BYTES("b"), 2.5}, {FLASK_REDIS_BYTES("c"), 1e300}};
    FlaskRedisScores scores;
    FlaskRedisArray array;
    int64_t count;
    double score;
    OK(flask_redis_zadd(redis, "z", -1.25, "a", &count));
    EXPECT_NUMBER(count, 1);
    OK(flask_redis_zadd_mapping(redis, "z", members, 2, NULL, &count));
    EXPECT_NUMBER(count, 2);
    OK(flask_redis_zrange(redis, "z", 0, -1, &array));
    ARRAY(&array, "a b c");
    OK(flask_redis_zrange_withscores(redis, "z", 0, -1, &scores));
    EXPECT_NUMBER(scores.count, 3);
    EXPECT(scores.items[0].score == -1.25 && scores.items[1].score == 2.5);
    flask_redis_scores_free(&scores);
    OK(flask_redis_zrangebyscore(redis, "z", "-inf", "(2.5", &array));
    ARRAY(&array, "a");
    OK(flask_redis_zrangebyscore_withscores(redis, "z", "2", "+inf", &scores));
    EXPECT_NUMBER(scores.count, 2);
    flask_redis_scores_free(&scores);
    OK(flask_redis_zscore(redis, "z", "b", &score));
    EXPECT(score == 2.5);
    STATUS(flask_redis_zscore(redis, "z", "none", &score), FLASK_REDIS_NIL);
    OK(flask_redis_zincrby(redis, "z", 0.5, "b", &score));
    EXPECT(score == 3.0);
    OK(flask_redis_zrank(redis, "z", "c", &count));
    EXPECT_NUMBER(count, 2);
    STATUS(flask_redis_zrank(redis, "z", "none", &count), FLASK_REDIS_NIL);
    OK(flask_redis_zadd(redis, "z", INFINITY, "d", NULL));
    OK(flask_redis_zscore(redis, "z", "d", &score));
    EXPECT(isinf(score));
    OK(flask_redis_zcard(redis, "z", &count));
    EXPECT_NUMBER(count, 4);
    OK(flask_redis_zrem(redis, "z", FLASK_REDIS_LIST("a", "none"), &count));
    EXPECT_NUMBER(count, 1);
    OK(flask_redis_zrange(redis, "none", 0, -1, &array));
    ARRAY(&array, "");
}

static void zadd_options(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisScored one[] = {{FLASK_REDIS_BYTES("a"), 5}};
    FlaskRedisZAdd bad[] = {
        {.nx = true, .xx = true}, {.nx = true, .gt = true}, {.gt = true, .lt = true}};
    int64_t count;
    for (size_t i = 0; i < 3; i++) {
        STATUS(flask_redis_zadd_mapping(redis, "z", one, 1, &bad[i], &count), FLASK_REDIS_DATA);
    }
    STATUS(flask_redis_zadd_mapping(redis, "z", one, 0, NULL, &count), FLASK_REDIS_DATA);
    STATUS(flask_redis_zadd(redis, "z", NAN, "a", &count), FLASK_REDIS_DATA);
    OK(flask_redis_zadd(redis, "z", 9, "a", NULL));
    OK(flask_redis_zadd_mapping(redis, "z", one, 1, (&(FlaskRedisZAdd){.gt = true, .ch = true}),
                                &count));
    EXPECT_NUMBER(count, 0);
    OK(flask_redis_zadd_mapping(redis, "z", one, 1, (&(FlaskRedisZAdd){.lt = true, .ch = true}),
                                &count));
    EXPECT_NUMBER(count, 1);
}

static const struct test_case cases[] = {
    {"set and get; a missing key is NIL, an empty value is none", set_and_get},
    {"keys, values, members and fields may hold any bytes", binary_everywhere},
    {"values of megabytes go through", large_values},
    {"SET with NX, XX and GET tells whether it set", set_with_conditions},
    {"SET with every kind of expiry", set_with_expiry},
    {"contradictory options are DATA and nothing is sent", contradictory_options_are_not_sent},
    {"getset, getdel, getex", getset_getdel_getex},
    {"numbers of 64 bits and with fractions", numbers},
    {"append, strlen, setrange, getrange", parts_of_strings},
    {"mget, mset, setnx; an empty list is DATA", several_at_once},
    {"items: getitem of a missing key is KEY_ERROR", items},
    {"delete, unlink, exists, type, rename, keys", keys},
    {"expire, pexpire, expireat, persist, ttl, pttl", expiry},
    {"scans meet everything", scans},
    {"hashes", hashes},
    {"lists", lists},
    {"blocking pops wait as long as asked", blocking_pops},
    {"sets", sets},
    {"sorted sets", sorted_sets},
    {"ZADD's options", zadd_options},
};

const struct case_table command_cases = {cases, sizeof(cases) / sizeof(cases[0])};
