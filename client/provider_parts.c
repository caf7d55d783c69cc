/* Sessions that are links. */
#include "client/provider_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/call.h"
#include "client/error.h"
#include "client/words.h"

enum {
    HANDSHAKE_MAX = 4
};

bool fr_provider_is_ours(const FlaskRedisProvider *provider)
{
    return provider == flask_redis_daemon_provider() || provider == flask_redis_direct_provider() ||
           provider == flask_redis_mock_provider();
}

const FlaskRedisProvider *fr_provider_for(const FlaskRedisProvider *provider, const char *url)
{
    static const char scheme[] = "mock://";
    bool is_mock = url != NULL && strncmp(url, scheme, sizeof(scheme) - 1) == 0;
    return is_mock && provider == flask_redis_daemon_provider() ? flask_redis_mock_provider()
                                                                : provider;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void limit_sending(int fd, int ms)
{
    int usable = ms < 0 ? 0 : ms;
    struct timeval time = {usable / 1000, (usable % 1000) * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* Connecting to a Unix socket waits for room in the listener's queue; the limit of sending is that
 * of connecting, too. */
static int connect_unix(const char *path, int connect_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int got;

    if (fd < 0) {
        return -1;
    }
    memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
    limit_sending(fd, connect_ms);
    do {
        got = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    } while (got != 0 && errno == EINTR);
    if (got != 0) {
        int reason = errno == EAGAIN ? ETIMEDOUT : errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

FlaskRedisStatus fr_connect_unix(const char *path, int connect_ms, int timeout_ms,
                                 struct fr_link **link)
{
    int fd = connect_unix(path, connect_ms);
    if (fd < 0) {
        int reason = errno;
        flask_redis_fail(FLASK_REDIS_CONNECTION, false, "cannot connect to %s: %s", path,
                         strerror(reason));
        errno = reason;
        return FLASK_REDIS_CONNECTION;
    }
    return fr_link_open(fd, timeout_ms, link);
}

/* --- handshake -------------------------------------------------------------------------------- */

struct step {
    FlaskRedisBytes words[3];
    size_t count;
};

static FlaskRedisBytes text_word(const char *text)
{
    return (FlaskRedisBytes){text, strlen(text)};
}

static size_t make_steps(const struct fr_target *target, char number[24], struct step *steps)
{
    const struct fr_url *url = &target->url;
    size_t count = 0;
    if (target->pool != NULL) {
        steps[count++] =
            (struct step){{FR_WORD("FLASKREDIS"), FR_WORD("POOL"), text_word(target->pool)}, 3};
    }
    if (url->password != NULL && url->user != NULL) {
        steps[count++] =
            (struct step){{FR_WORD("AUTH"), text_word(url->user), text_word(url->password)}, 3};
    } else if (url->password != NULL) {
        steps[count++] = (struct step){{FR_WORD("AUTH"), text_word(url->password)}, 2};
    }
    if (url->has_db) {
        steps[count++] = (struct step){{FR_WORD("SELECT"), fr_int_word(url->db, number)}, 2};
    }
    if (url->client_name != NULL) {
        steps[count++] =
            (struct step){{FR_WORD("CLIENT"), FR_WORD("SETNAME"), text_word(url->client_name)}, 3};
    }
    return count;
}

/* A daemon that will not, or cannot, have a pool on the URL. */
static bool is_pool_refusal(const struct step *step, FlaskRedisStatus status)
{
    return fr_word_is(step->words[0], "FLASKREDIS") &&
           (status == FLASK_REDIS_NO_PERMISSION || status == FLASK_REDIS_RESPONSE);
}

/* What AUTH is refused with is AUTH, whatever the words; the rest as they say. */
static FlaskRedisStatus check_step(const struct step *step, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        return FLASK_REDIS_OK;
    }
    FlaskRedisStatus status = fr_fail_reply(reply);
    if (status == FLASK_REDIS_RESPONSE && fr_word_is(step->words[0], "AUTH")) {
        flask_redis_fail(FLASK_REDIS_AUTH, false, "%s", reply->str);
    }
    if (is_pool_refusal(step, status)) {
        flask_redis_fail(FLASK_REDIS_UNAVAILABLE, false, "%s", reply->str);
    }
    return fr_fail_about("%s", step->words[0].data);
}

FlaskRedisStatus fr_introduce(void *session, const struct fr_target *target,
                              FlaskRedisStatus (*run)(void *, const FlaskRedisCommand *, size_t,
                                                      redisReply **))
{
    struct step steps[HANDSHAKE_MAX];
    FlaskRedisCommand commands[HANDSHAKE_MAX] = {0};
    redisReply *replies[HANDSHAKE_MAX] = {0};
    char number[24];
    size_t count = make_steps(target, number, steps);

    for (size_t i = 0; i < count; i++) {
        commands[i] = (FlaskRedisCommand){steps[i].count, steps[i].words};
    }
    FlaskRedisStatus status = run(session, commands, count, replies);
    for (size_t i = 0; status == FLASK_REDIS_OK && i < count; i++) {
        status = check_step(&steps[i], replies[i]);
    }
    fr_replies_clear(replies, count);
    return status;
}

/* Whatever fails here, no command of the program was sent yet. */
FlaskRedisStatus fr_handshake(struct fr_link *link, const struct fr_target *target)
{
    fr_link_set_timeout(link, target->connect_ms);
    FlaskRedisStatus status = fr_introduce(link, target, fr_row_execute_batch);
    if (status != FLASK_REDIS_OK) {
        fr_link_close(link);
        return fr_may_have_run() ? flask_redis_fail(status, false, "when connecting: %s",
                                                    flask_redis_last_error()->text)
                                 : status;
    }
    fr_link_set_timeout(link, target->timeout_ms);
    return FLASK_REDIS_OK;
}

/* --- rows ------------------------------------------------------------------------------------- */

FlaskRedisStatus fr_row_execute(void *session, const FlaskRedisCommand *command, redisReply **reply)
{
    return fr_link_exchange(session, command, 1, false, reply);
}

/* Whether all of it is one MULTI ... EXEC. */
static bool is_whole(const FlaskRedisCommand *commands, size_t count)
{
    if (count < 2 || !fr_word_is(commands[0].argv[0], "MULTI") ||
        !fr_word_is(commands[count - 1].argv[0], "EXEC")) {
        return false;
    }
    for (size_t i = 1; i + 1 < count; i++) {
        if (fr_word_is(commands[i].argv[0], "EXEC") || fr_word_is(commands[i].argv[0], "DISCARD")) {
            return false;
        }
    }
    return true;
}

FlaskRedisStatus fr_row_execute_batch(void *session, const FlaskRedisCommand *commands,
                                      size_t count, redisReply **replies)
{
    return fr_link_exchange(session, commands, count, is_whole(commands, count), replies);
}

/* What is sent on a TCP connection that the other side has closed is lost without a sign that it
 * was not read. So it is looked at first; that is a system call more. */
static FlaskRedisStatus check(const struct fr_link *link)
{
    return fr_link_is_stale(link) ? flask_redis_fail(FLASK_REDIS_CONNECTION, false,
                                                     "the server has closed the connection")
                                  : FLASK_REDIS_OK;
}

FlaskRedisStatus fr_row_execute_checked(void *session, const FlaskRedisCommand *command,
                                        redisReply **reply)
{
    FlaskRedisStatus status = check(session);
    return status == FLASK_REDIS_OK ? fr_row_execute(session, command, reply) : status;
}

FlaskRedisStatus fr_row_execute_batch_checked(void *session, const FlaskRedisCommand *commands,
                                              size_t count, redisReply **replies)
{
    FlaskRedisStatus status = check(session);
    return status == FLASK_REDIS_OK ? fr_row_execute_batch(session, commands, count, replies)
                                    : status;
}

FlaskRedisStatus fr_row_send(void *session, const FlaskRedisCommand *command)
{
    return fr_link_send(session, command);
}

FlaskRedisStatus fr_row_receive(void *session, int timeout_ms, redisReply **message)
{
    return fr_link_receive(session, timeout_ms, message);
}

int fr_row_fileno(void *session)
{
    return fr_link_fileno(session);
}

void fr_row_forked(void *session)
{
    fr_link_forked(session);
}

void fr_row_disconnect(void *session)
{
    fr_link_close(session);
}
