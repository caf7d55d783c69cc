/* libflaskredis: for programs that talk to Redis through flaskredisd, the host's connection pooler.
 *
 * The daemon has one Unix socket for each config prefix (REDIS, CACHE, …) and speaks Redis' own
 * protocol on it. So any Redis client will do; this library says where the socket is. With hiredis:
 *
 *     #include <stdio.h>
 *     #include <flaskredis.h>
 *     #include <hiredis/hiredis.h>
 *
 *     int main(void)
 *     {
 *         char path[FLASK_REDIS_SOCKET_PATH_CAP];
 *         if (flask_redis_socket_path("CACHE", path, sizeof(path)) < 0) {
 *             return perror("CACHE"), 1;
 *         }
 *         redisContext *cache = redisConnectUnix(path);
 *         redisReply *reply = cache && !cache->err ? redisCommand(cache, "INCR visits") : NULL;
 *         printf("%lld visits\n", reply ? reply->integer : -1);
 *         freeReplyObject(reply);
 *         redisFree(cache);
 *     }
 *
 * Compile with: cc visits.c $(pkg-config --cflags --libs flaskredis hiredis)
 *
 * Nothing here prints, exits or keeps state; every call may be made from any thread, as long as no
 * other thread changes the environment meanwhile. */
#ifndef FLASKREDIS_H
#define FLASKREDIS_H

#include <stddef.h>

#include <flaskredis/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for every path flask_redis_socket_path can make: what a Unix socket address holds. */
#define FLASK_REDIS_SOCKET_PATH_CAP 108

/* Say which version of the library is running, as "0.1.0". It may be another than
 * FLASKREDIS_VERSION, the one the program was compiled with. The text is static. */
const char *flask_redis_version(void);

/* Write the path of a config prefix' socket: "/run/flaskredis/cache.sock" for "CACHE". The
 * directory is $FLASKREDIS_RUNTIME_DIR, or /run/flaskredis when that is unset or empty; the name is
 * the prefix in lower case. Whether a daemon listens there is not looked at.
 *
 * A prefix is a letter and up to 63 letters, digits or underscores more. cap is the size of path in
 * bytes; FLASK_REDIS_SOCKET_PATH_CAP always suffices.
 *
 * Returns the length of the path, which is NUL-terminated. On failure -1, with nothing written:
 * errno EINVAL, the prefix is not one (or NULL); ENAMETOOLONG, the path does not fit in cap, or
 * exceeds the 107 bytes a Unix socket address holds. */
int flask_redis_socket_path(const char *prefix, char *path, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
