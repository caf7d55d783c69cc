/* The engine answers as redis-server does: the same commands to both, replies compared byte for
 * byte.
 *
 *   CONFORM_COMMANDS  how many (default 100000)
 *   CONFORM_SEED      of the first sequence (default 1)
 *
 * A sequence is some hundred commands over three connections, from the same empty databases. A
 * difference is printed with what came before it, and ends its sequence. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mock/engine.h"
#include "tests/mock/generator.h"
#include "tests/mock/replies.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    LINES = 3, /* connections; the first one never waits and never subscribes */
    SEQUENCE = 120,
    QUEUE_MAX = 256,
    SHOWN = 12,
    DIFFERENCES_MAX = 25
};

struct line {
    struct client *redis;
    struct fr_mock_session *mock;
    enum comparison queued[QUEUE_MAX];
    size_t queued_count;
    bool was_waiting;
};

static struct server *server;
static struct fr_mock *mock;
static struct line lines[LINES];
static struct fr_mock_session *asker;
static struct generator generator;
static struct bytes history[SHOWN];
static size_t history_at;
static size_t differences, kinds_shown;
static size_t running; /* the template of the running command */
static uint64_t sequence_seed;
static bool sequence_is_over;
static size_t stale_errnos;

static struct {
    uint64_t asked, answered;
    uint32_t options;
    bool has_differed;
} coverage[512];

/* ---------------------------------------------------------------------------------- both sides */

static void remember(size_t line, const struct command_text *command)
{
    struct bytes *to = &history[history_at++ % SHOWN];
    to->len = 0;
    bytes_printf(to, "%zu>", line);
    for (size_t i = 0; i < command->count; i++) {
        struct bytes word = {0};
        bytes_printf(to, " %s",
                     bytes_show(&word, command->words[i].data, command->words[i].len, 0));
        bytes_finish(&word);
    }
}

static void difference(const char *what, const struct bytes *redis, const struct bytes *engine)
{
    struct bytes a = {0}, b = {0};
    differences++;
    sequence_is_over = true;
    if (coverage[running].has_differed) { /* one of a kind is enough to look at */
        return;
    }
    coverage[running].has_differed = true;
    kinds_shown++;
    printf("\n    difference %zu (seed %" PRIu64 "), %s:\n", differences, sequence_seed, what);
    for (size_t i = history_at > SHOWN ? history_at - SHOWN : 0; i < history_at; i++) {
        printf("      %s\n", history[i % SHOWN].data);
    }
    printf("      redis  %s\n", bytes_show(&a, redis->data, redis->len, 0));
    printf("      engine %s\n", bytes_show(&b, engine->data, engine->len, 0));
    bytes_finish(&a);
    bytes_finish(&b);
    if (kinds_shown >= DIFFERENCES_MAX) {
        FAIL("%zu differences", differences);
    }
}

static void send_words(struct client *client, const struct fr_word *words, size_t count)
{
    struct bytes request = {0};
    bytes_printf(&request, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        bytes_printf(&request, "$%zu\r\n", words[i].len);
        bytes_add(&request, words[i].data, words[i].len);
        bytes_add(&request, "\r\n", 2);
    }
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&request);
}

static struct bytes take_output(struct fr_mock_session *session)
{
    struct bytes all = {0};
    size_t len;
    const char *data = fr_mock_output(session, &len);
    bytes_add(&all, data, len);
    fr_mock_taken(session, len);
    return all;
}

/* Where a reply is to come it is waited for later; otherwise the command must not be overtaken. */
static void wait_for_redis(const struct line *line)
{
    size_t len;
    fr_mock_output(line->mock, &len);
    if (len == 0) {
        client_wait_consumed(line->redis);
    }
}

static bool is_in_multi(const struct line *line)
{
    return (line->mock->flags & IN_MULTI) != 0;
}

/* -------------------------------------------------------------------------------------- comparing
 */

/* The members that a command by chance may answer with, as the engine has them. */
static struct bytes members_before(const struct line *line, const struct command_text *command)
{
    char db[8];
    struct fr_word select[] = {{"SELECT", 6}, {db, 0}};
    struct fr_word ask[] = {{"KEYS", 4}, {"*", 1}, {"-1", 2}, {"WITHSCORES", 10}};
    select[1].len = (size_t)snprintf(db, sizeof(db), "%d", line->mock->db->number);
    fr_mock_call(asker, select, 2);
    size_t count = 2;
    char kind = (char)(command->bytes[0][0] & ~0x20);
    if (command->count > 1) {
        ask[1] = command->words[1];
        ask[0] = kind == 'H' ? (struct fr_word){"HGETALL", 7} : (struct fr_word){"SMEMBERS", 8};
    }
    if (kind == 'Z' && command->count > 1) {
        ask[0] = (struct fr_word){"ZRANGE", 6};
        ask[2] = (struct fr_word){"0", 1};
        struct fr_word all[] = {ask[0], ask[1], ask[2], {"-1", 2}, {"WITHSCORES", 10}};
        fr_mock_call(asker, all, 5);
    } else {
        fr_mock_call(asker, ask, count);
    }
    return take_output(asker);
}

struct comparing {
    enum comparison how;
    const struct bytes *members;
};

static bool reply_fits(const struct fr_word *redis, const struct fr_word *engine,
                       const struct comparing *comparing)
{
    /* SORT of 7.0 looks at errno without clearing it: after another command's number out of range,
     * numbers are none to it, by chance of what ran before */
    static const char stale_errno[] = "-ERR One or more scores can't be converted into double\r\n";
    if (redis->len == sizeof(stale_errno) - 1 &&
        memcmp(redis->data, stale_errno, redis->len) == 0) {
        sequence_is_over = !reply_same(redis, engine, SAME, NULL); /* the rest would differ */
        stale_errnos += sequence_is_over;
        return true;
    }
    if (redis->data[0] == '-' || engine->data[0] == '-') {
        return reply_same(redis, engine, SAME, NULL);
    }
    return reply_same(redis, engine, comparing->how, comparing->members);
}

/* An EXEC's array has a reply for each command that was queued. */
static bool exec_fits(struct line *line, const struct fr_word *redis, const struct fr_word *engine)
{
    struct fr_word a[QUEUE_MAX], b[QUEUE_MAX];
    size_t count = reply_children(redis, a, QUEUE_MAX);
    if (redis->data[0] != '*' || count == 0 || count != reply_children(engine, b, QUEUE_MAX) ||
        count != line->queued_count) {
        return reply_same(redis, engine, SAME, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        struct comparing one = {line->queued[i] == CHANCE ? SHAPE : line->queued[i], NULL};
        if (!reply_fits(&a[i], &b[i], &one)) {
            return false;
        }
    }
    return true;
}

static bool is_named(const struct command_text *command, const char *name)
{
    return command->count > 0 && frm_word_is(&command->words[0], name);
}

/* Take what the engine has said on a line, and as many replies of redis. */
static void compare_line(struct line *line, const struct command_text *command,
                         const struct comparing *comparing)
{
    struct bytes output = take_output(line->mock);
    for (size_t at = 0; at < output.len && !sequence_is_over;) {
        long len = reply_frame_len(output.data + at, output.len - at);
        if (len <= 0) {
            struct bytes rest = {output.data + at, output.len - at, 0}, none = {0};
            difference("no frame", &none, &rest);
            break;
        }
        struct fr_word engine = {output.data + at, (size_t)len};
        at += (size_t)len;
        if (!client_try_read(line->redis, 5000)) {
            struct bytes shown = {(char *)engine.data, engine.len, 0};
            struct bytes none = {0};
            difference("redis has not answered", &none, &shown);
            break;
        }
        struct fr_word redis = {line->redis->reply.data, line->redis->reply.len};
        bool fits = command && is_named(command, "exec") ? exec_fits(line, &redis, &engine)
                                                         : reply_fits(&redis, &engine, comparing);
        if (!fits) {
            struct bytes shown = {(char *)engine.data, engine.len, 0};
            difference("replies differ", &line->redis->reply, &shown);
        }
    }
    bytes_finish(&output);
}

/* ----------------------------------------------------------------------------------------
 * sequences */

static void disconnect(struct line *line)
{
    fr_mock_session_destroy(line->mock);
    client_close(line->redis);
    line->mock = NULL;
}

static void connect_line(struct line *line)
{
    line->redis = client_connect(server_url(server));
    line->mock = fr_mock_session_create(mock, NULL, NULL);
    line->queued_count = 0;
}

static void run_on(struct line *line, const struct fr_word *words, size_t count);

static int64_t waiting_count(void)
{
    int64_t count = 0;
    for (size_t i = 0; i < LINES; i++) {
        count += lines[i].mock->wait.kind != WAIT_NOTHING;
    }
    return count;
}

static bool redis_waits_as_engine(void)
{
    return server_info(server, "blocked_clients") == waiting_count();
}

/* What others got by what one did: messages, and what they waited for. */
static void compare_others(void)
{
    struct comparing same = {SAME, NULL};
    bool has_changed = false;
    for (size_t i = 0; i < LINES && !sequence_is_over; i++) {
        compare_line(&lines[i], NULL, &same);
        bool waits = lines[i].mock->wait.kind != WAIT_NOTHING;
        has_changed |= waits != lines[i].was_waiting;
        lines[i].was_waiting = waits;
    }
    if (has_changed && !sequence_is_over) {
        int64_t deadline = now_ms() + 5000;
        while (!redis_waits_as_engine()) {
            if (now_ms() > deadline) {
                struct bytes a = {0}, b = {0};
                bytes_printf(&a, "%" PRId64, server_info(server, "blocked_clients"));
                bytes_printf(&b, "%" PRId64, waiting_count());
                difference("others wait", &a, &b);
                bytes_finish(&a);
                bytes_finish(&b);
                return;
            }
        }
    }
}

/* Commands after which the sides would be apart by chance or by time. */
static void reconcile(struct line *line, const struct command_text *command)
{
    if (is_in_multi(line) || line->mock->wait.kind != WAIT_NOTHING || command->count < 2) {
        return;
    }
    const char *with = NULL;
    if (is_named(command, "spop")) {
        with = "DEL";
    } else if (is_named(command, "expire") || is_named(command, "pexpire")) {
        with = command->count > 3 ? "PERSIST" : NULL;
    } else if (is_named(command, "set") && command->count > 4) {
        with = "EXISTS";
    }
    if (with) {
        struct fr_word words[] = {{with, strlen(with)}, command->words[1]};
        run_on(line, words, 2);
    }
}

/* "PEXPIRE key 1": go on when the key is gone on both sides. */
static void await_expiry(struct line *line, const struct command_text *command)
{
    if (strcmp(generator_template(command->template_at), "PEXPIRE @k 1") != 0 ||
        command->count != 3 || is_in_multi(line)) {
        return;
    }
    frm_clock_read(mock); /* Redis may have been later than the engine */
    int64_t begun_us = mock->now_us;
    while (mock->now_us < begun_us + 3000) {
        frm_clock_read(mock);
    }
}

static void run_on(struct line *line, const struct fr_word *words, size_t count)
{
    struct comparing any = {SHAPE, NULL};
    if (fr_mock_may_call(line->mock)) {
        send_words(line->redis, words, count);
        fr_mock_call(line->mock, words, count);
        wait_for_redis(line);
        compare_line(line, NULL, &any);
        compare_others();
    }
}

static void cover(const struct command_text *command, const struct line *line, uint64_t errors)
{
    size_t len;
    const char *reply = fr_mock_output(line->mock, &len);
    /* what is in EXEC's array has been counted when it was queued */
    bool is_array = is_named(command, "exec") && len > 0 && *reply == '*';
    coverage[command->template_at].asked++;
    if (is_array || line->mock->out.errors == errors) {
        coverage[command->template_at].answered++;
        coverage[command->template_at].options |= command->options;
    }
}

/* A word too many may be another score, and what BYLEX gives of unequal scores nobody says. */
static bool spoils_equal_scores(const struct command_text *command)
{
    const struct fr_word zero = {"0", 1};
    bool is_meant = is_named(command, "zadd") && command->count > 2 && command->words[1].len > 0 &&
                    command->words[1].data[0] == 'y';
    for (size_t i = 2; is_meant && i < command->count; i += 2) {
        if (!frm_word_equal(&command->words[i], &zero)) {
            return true;
        }
    }
    return false;
}

/* SORT BY nosort shows a sorted set in its order; a set under such a name would have that of a hash
 * table, which is Redis' own. */
static bool makes_set_of_sorted(const struct command_text *command)
{
    return is_named(command, "sadd") && command->count > 1 && command->words[1].len > 0 &&
           command->words[1].data[0] == 'z';
}

static bool is_left_out(const struct line *line, const struct command_text *command)
{
    if (spoils_equal_scores(command) || makes_set_of_sorted(command)) {
        return true;
    }
    /* a message in the middle of EXEC's reply belongs to no element of it */
    if (is_in_multi(line) && (strstr(generator_template(command->template_at), "SUBSCRIBE") ||
                              is_named(command, "publish") || is_named(command, "spublish"))) {
        return true;
    }
    /* nor can a time that is to be over be waited for there */
    if (is_in_multi(line) &&
        strcmp(generator_template(command->template_at), "PEXPIRE @k 1") == 0) {
        return true;
    }
    bool by_chance = command->comparison == CHANCE || command->comparison == SCANNED;
    return is_in_multi(line) &&
           (by_chance || is_named(command, "dbsize") || line->queued_count == QUEUE_MAX ||
            is_named(command, "hello") || is_named(command, "client"));
}

static void count_queued(struct line *line, const struct command_text *command, bool was_in_multi)
{
    if (!is_in_multi(line)) {
        line->queued_count = 0;
    } else if (was_in_multi && line->mock->queue_count > line->queued_count) {
        line->queued[line->queued_count++] = command->comparison;
    }
}

static void run_command(size_t at, const struct command_text *command)
{
    struct line *line = &lines[at];
    struct bytes members = {0};
    bool was_in_multi = is_in_multi(line);
    uint64_t errors = line->mock->out.errors;
    struct comparing comparing = {command->comparison, &members};
    if (command->comparison == CHANCE) {
        members = members_before(line, command);
    }
    if ((is_named(command, "expire") || is_named(command, "pexpire")) && command->count > 3) {
        comparing.how = SHAPE;
    }
    if (is_named(command, "dbsize")) {
        struct fr_word scan[] = {{"SCAN", 4}, {"0", 1}, {"COUNT", 5}, {"100000", 6}};
        run_on(line, scan, 4);
    }
    remember(at, command);
    running = command->template_at;
    send_words(line->redis, command->words, command->count);
    fr_mock_call(line->mock, command->words, command->count);
    wait_for_redis(line);
    cover(command, line, errors);
    bool is_queued = was_in_multi && is_in_multi(line);
    if (is_queued) {
        comparing.how = SAME;
    }
    compare_line(line, command, &comparing);
    count_queued(line, command, was_in_multi);
    compare_others();
    bytes_finish(&members);
    if (fr_mock_has_ended(line->mock)) {
        disconnect(line);
        connect_line(line);
    } else if (!sequence_is_over) {
        reconcile(line, command);
        await_expiry(line, command);
    }
}

/* Commands that make a connection of little use for others are for the second and third. */
static size_t line_for(const struct command_text *command)
{
    static const char *const elsewhere[] = {"subscribe", "psubscribe", "ssubscribe", "quit",
                                            "hello",     "client",     NULL};
    bool is_elsewhere = command->bytes[0][0] == 'B' || generator_random(&generator, 5) == 0 ||
                        is_named(command, "xread") || is_named(command, "xreadgroup");
    for (size_t i = 0; elsewhere[i]; i++) {
        is_elsewhere |= is_named(command, elsewhere[i]);
    }
    return is_elsewhere ? 1 + generator_random(&generator, LINES - 1) : 0;
}

static void begin_sequence(uint64_t seed)
{
    sequence_seed = seed;
    sequence_is_over = false;
    generator_init(&generator, seed);
    for (size_t i = 0; i < LINES; i++) {
        connect_line(&lines[i]);
        lines[i].was_waiting = false;
    }
    struct fr_word flush[] = {{"FLUSHALL", 8}};
    struct fr_word hello[] = {{"HELLO", 5}, {"3", 1}};
    run_on(&lines[0], flush, 1);
    for (size_t i = 0; i < LINES && seed % 2 == 0; i++) {
        run_on(&lines[i], hello, 2);
    }
    history_at = 0;
}

static void end_sequence(void)
{
    for (size_t i = 0; i < LINES; i++) {
        if (!sequence_is_over && client_gather(lines[i].redis) > 0) {
            struct bytes none = {0};
            client_try_read(lines[i].redis, 0);
            difference("redis has said more", &lines[i].redis->reply, &none);
        }
        disconnect(&lines[i]);
    }
    EXPECT_INFO(server, "blocked_clients", 0);
}

/* Every third sequence stays mostly with the commands of one letter, so that what one of them
 * leaves behind is met by the next before something else has overwritten it. */
static void next_command(uint64_t seed, struct command_text *command)
{
    static const char letters[] = "XZLSHBX";
    char letter = letters[seed / 3 % (sizeof(letters) - 1)];
    do {
        generator_next(&generator, command);
    } while (seed % 3 == 0 && generator_template(command->template_at)[0] != letter &&
             generator_random(&generator, 12) != 0);
}

static uint64_t run_sequence(uint64_t seed)
{
    uint64_t done = 0;
    begin_sequence(seed);
    for (int i = 0; i < SEQUENCE && !sequence_is_over; i++) {
        struct command_text command;
        next_command(seed, &command);
        size_t at = line_for(&command);
        if (!fr_mock_may_call(lines[at].mock) || is_left_out(&lines[at], &command)) {
            continue;
        }
        run_command(at, &command);
        done++;
    }
    end_sequence();
    return done;
}

/* -----------------------------------------------------------------------------------------
 * coverage */

/* Every template, and every literal word in one, was part of a command that was no error. */
static size_t print_coverage(void)
{
    size_t missing = 0, options = 0;
    for (size_t i = 0; i < generator_template_count(); i++) {
        char word[64];
        if (coverage[i].answered == 0) {
            printf("\n    never answered: %s", generator_template(i));
            missing++;
        }
        for (unsigned bit = 0; generator_option(i, bit, word, sizeof(word)); bit++) {
            options++;
            if (bit < 32 && !(coverage[i].options & 1U << bit)) {
                printf("\n    never answered: %s of %s", word, generator_template(i));
                missing++;
            }
        }
    }
    printf("\n    coverage: %zu forms of commands, %zu options in them, %zu never answered without "
           "error\n",
           generator_template_count(), options, missing);
    return missing;
}

static uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : usual;
}

static void forget(void *what)
{
    (void)what;
    fr_mock_session_destroy(asker);
    for (size_t i = 0; i < LINES; i++) {
        fr_mock_session_destroy(lines[i].mock);
        lines[i].mock = NULL;
    }
    fr_mock_destroy(mock);
    for (size_t i = 0; i < SHOWN; i++) {
        bytes_finish(&history[i]);
    }
}

static void same_replies(void)
{
    uint64_t wanted = setting("CONFORM_COMMANDS", 100000), done = 0;
    server = server_start(NULL);
    mock = fr_mock_create(NULL);
    asker = fr_mock_session_create(mock, NULL, NULL);
    case_defer(forget, NULL);
    for (uint64_t seed = setting("CONFORM_SEED", 1); done < wanted; seed++) {
        done += run_sequence(seed);
    }
    size_t missing = print_coverage();
    printf("    %" PRIu64
           " commands, %zu differences, %zu sequences left because of a stale errno\n",
           done, differences, stale_errnos);
    EXPECT_NUMBER(differences, 0);
    if (wanted >= 100000) {
        EXPECT_NUMBER(missing, 0);
    }
}

static const struct test_case cases[] = {
    {"generated commands get the replies of redis-server", same_replies},
};
SUITE_MAIN("conformance", cases)
