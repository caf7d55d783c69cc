/* Providers: where the answers to commands come from. For those who implement one; others use
 * those of <flaskredis/client.h>.
 *
 *     static FlaskRedisStatus execute(void *session, const FlaskRedisCommand *command,
 *                                     redisReply **reply)
 *     {
 *         (void)session;
 *         *reply = strcasecmp(command->argv[0].data, "PING") == 0
 *                      ? flask_redis_reply_status("PONG")
 *                      : flask_redis_reply_error("ERR unknown command");
 *         return *reply != NULL ? FLASK_REDIS_OK : FLASK_REDIS_NO_MEMORY;
 *     }
 *
 *     static const FlaskRedisProvider canned = {
 *         .size = sizeof(FlaskRedisProvider), .name = "canned", .execute = execute};
 *
 *     FlaskRedis *redis = flask_redis_from_custom_provider(&canned, app, NULL);
 *
 * That is a whole provider. Every typed command, pipelines (command by command) and scans work with
 * it, if it answers as Redis does. */
#ifndef FLASKREDIS_PROVIDER_H
#define FLASKREDIS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include <flaskredis/bytes.h>
#include <flaskredis/client.h>
#include <flaskredis/command.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A command: argc words, at least one, each NUL-terminated behind its length. They are the
 * library's, and valid during the call. */
typedef struct FlaskRedisCommand {
    size_t argc;
    const FlaskRedisBytes *argv;
} FlaskRedisCommand;

/* The table. An instance is what one handle has of the provider; a session is what one connection
 * would be: it is used by one thread at a time and keeps state between commands (MULTI, WATCH,
 * subscriptions). A function that fails returns flask_redis_fail(...). Nothing is called before
 * the first command but from_url. */
struct FlaskRedisProvider {
    /* Mandatory: sizeof(FlaskRedisProvider). Rows of later versions lie behind it and count as
     * NULL. */
    size_t size;

    /* Mandatory: shown in error texts. */
    const char *name;

    /* Handed to from_url. */
    void *context;

    /* Make the instance of a handle. url is the application's <PREFIX>_URL, NULL when it has none;
     * options are complete, with config_prefix set; both are valid during the call. NULL: the
     * instance is context. */
    FlaskRedisStatus (*from_url)(void *context, const char *url, const FlaskRedisOptions *options,
                                 void **instance);

    /* Open a session, within socket_connect_timeout. NULL: the session is the instance, and execute
     * is called from several threads at once. */
    FlaskRedisStatus (*connect)(void *instance, void **session);

    /* Mandatory: run a command. OK with *reply set, which is the library's from then on; an error
     * of the server is a reply too. Any other status ends the session. When flask_redis_fail was
     * told that the command has certainly not run, a CONNECTION failure lets the library try again
     * in another session. */
    FlaskRedisStatus (*execute)(void *session, const FlaskRedisCommand *command,
                                redisReply **reply);

    /* Run count commands, with *replies having room for as many, all NULL at first. On failure
     * those that were filled stay. NULL: execute, one by one. */
    FlaskRedisStatus (*execute_batch)(void *session, const FlaskRedisCommand *commands,
                                      size_t count, redisReply **replies);

    /* Publish/subscribe, both or none (NULL: subscribing is the failure PUBSUB). send passes a
     * command on without waiting for its answer. receive waits for the next message, answers to
     * what was sent included, for at most timeout_ms (0: do not wait, negative: for ever); OK with
     * *message NULL: none came. */
    FlaskRedisStatus (*send)(void *session, const FlaskRedisCommand *command);
    FlaskRedisStatus (*receive)(void *session, int timeout_ms, redisReply **message);

    /* The descriptor that is readable when receive has something, or -1. NULL: there is none. */
    int (*fileno)(void *session);

    /* In a child after fork(): drop what the session shares with the parent, without a word to the
     * other side and without allocating; disconnect follows. NULL: the session is as good in the
     * child as in the parent, which is true of memory. */
    void (*forked)(void *session);

    /* End a session. NULL: there is nothing to do. */
    void (*disconnect)(void *session);

    /* Free the instance, once its sessions are ended. NULL: there is nothing to do. */
    void (*close)(void *instance);
};

/* Set this thread's last error, printf-like, and return status. maybe_executed: the command may
 * have run. */
FlaskRedisStatus flask_redis_fail(FlaskRedisStatus status, bool maybe_executed, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));

/* Make replies, NULL: no memory (the last error is set). flask_redis_reply_free frees them. Bytes
 * and texts are copied. */
redisReply *flask_redis_reply_string(const char *data, size_t len);

/* A status, such as "OK". */
redisReply *flask_redis_reply_status(const char *text);

/* An error; text begins with its code word: "WRONGTYPE Operation against ...". */
redisReply *flask_redis_reply_error(const char *text);

/* A number. */
redisReply *flask_redis_reply_integer(long long number);

/* Nil. */
redisReply *flask_redis_reply_nil(void);

/* An array of count elements, all NULL: the caller sets each of reply->element[0 .. count - 1], and
 * the array owns them. */
redisReply *flask_redis_reply_array(size_t count);

#ifdef __cplusplus
}
#endif

#endif
