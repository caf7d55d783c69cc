/* libflaskredis: Redis for C programs as Flask-Redis has it for Python's, through flaskredisd, the
 * host's connection pooler.
 *
 *     #include <stdio.h>
 *     #include <flaskredis.h>
 *
 *     int main(void)
 *     {
 *         FlaskApp *app = flask_app_new();
 *         flask_app_config_from_env(app, NULL);
 *         FlaskRedis *redis = flask_redis_new(app, NULL);
 *         int64_t visits = 0;
 *         FlaskRedisBytes who = {0};
 *         if (redis == NULL || flask_redis_incr(redis, "visits", &visits) != FLASK_REDIS_OK ||
 *             flask_redis_get(redis, "who", &who) >= FLASK_REDIS_ERROR) {
 *             return fprintf(stderr, "%s\n", flask_redis_last_error()->text), 1;
 *         }
 *         printf("%lld visits by %s\n", (long long)visits, who.data ? who.data : "nobody known");
 *         flask_redis_bytes_free(&who);
 *         flask_redis_free(redis);
 *         flask_app_free(app);
 *     }
 *
 * Compile with: cc visits.c $(pkg-config --cflags --libs flaskredis)
 *
 * Three outcomes never share a value: a value (which may be empty), nil, and an error. Typed calls
 * return the status and fill out-parameters; what they hand out is the caller's to free. Nothing
 * here aborts, prints, exits, changes errno or needs a signal handler.
 *
 *   status.h     how calls end; the last error
 *   bytes.h      bytes, arrays, lists
 *   app.h        the application and its configuration
 *   client.h     handles, options, providers
 *   strings.h keys.h hashes.h lists.h sets.h scripting.h    typed commands
 *   command.h    every command there is, by format, words or name
 *   pipeline.h   pipelines, transactions, WATCH
 *   pubsub.h     publish/subscribe
 *   text.h       lets "text" stand where bytes are wanted
 *   provider.h   not included here: for those who implement a provider
 *   mock.h       neither: what tests order of a mock engine */
#ifndef FLASKREDIS_H
#define FLASKREDIS_H

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/client.h>
#include <flaskredis/command.h>
#include <flaskredis/hashes.h>
#include <flaskredis/keys.h>
#include <flaskredis/lists.h>
#include <flaskredis/pipeline.h>
#include <flaskredis/pubsub.h>
#include <flaskredis/scripting.h>
#include <flaskredis/sets.h>
#include <flaskredis/status.h>
#include <flaskredis/strings.h>
#include <flaskredis/version.h>

#include <flaskredis/text.h>

#endif
