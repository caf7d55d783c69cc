/* The mock engine: a Redis in memory, for tests and for a first minute without a server.
 *
 * It answers as Redis 7.0 does, byte for byte, or says that it does not know the command. It has no
 * event loop, does no I/O and has no globals: any number of engines live in one process, each used
 * by one thread at a time. Time and chance are handed in, so both can be repeated.
 *
 *     struct fr_mock *mock = fr_mock_create(NULL);
 *     struct fr_mock_session *session = fr_mock_session_create(mock, NULL, NULL);
 *     struct fr_word set[] = {{"SET", 3}, {"k", 1}, {"v", 1}};
 *     fr_mock_call(session, set, 3);
 *     size_t len;
 *     const char *reply = fr_mock_output(session, &len);     "+OK\r\n"
 *     fr_mock_taken(session, len);
 *     fr_mock_session_destroy(session);
 *     fr_mock_destroy(mock);
 */
#ifndef FR_MOCK_MOCK_H
#define FR_MOCK_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/resp.h"

struct fr_mock;         /* an engine: 16 databases and who looks at them */
struct fr_mock_session; /* one connection to it */

struct fr_mock_options {
    size_t memory_max; /* bytes; above it writing commands get Redis' OOM error. 0: no bound */
    uint64_t seed;     /* of all chance: same seed, same commands, same replies */
    int64_t (*now_us)(void *arg); /* microseconds since 1970; NULL: the system's clock */
    void *now_arg;
};

/* Make an engine. options NULL: no bound, seed 0, the system's clock. NULL: no memory. */
struct fr_mock *fr_mock_create(const struct fr_mock_options *options);

/* Free it. Its sessions must be gone; NULL is fine. */
void fr_mock_destroy(struct fr_mock *mock);

/* Run a function that calls the engine, so that a want of memory is survived: false, the function
 * was left in the middle and the engine is of no use any more, nor are its sessions, which
 * fr_mock_destroy frees too. What is called outside of this ends the process then. */
bool fr_mock_guard(struct fr_mock *mock, void (*run)(void *arg), void *arg);

/* Connect. on_output, where not NULL, is called with arg when another session's doing, or time, has
 * given this one something to read, let it go on, or ended it, and when its waiting ends at another
 * time because the clock was changed. It must not call the engine: it notes that there is work. */
struct fr_mock_session *fr_mock_session_create(struct fr_mock *mock, void (*on_output)(void *arg),
                                               void *arg);

/* Disconnect; what was watched, subscribed or waited for is forgotten. NULL is fine. */
void fr_mock_session_destroy(struct fr_mock_session *session);

/* Execute a command of count words, the first of which is its name. Its reply, if it has one
 * already, stands at the end of the output. Words are borrowed. No words: nothing. Only while the
 * session may be called. */
void fr_mock_call(struct fr_mock_session *session, const struct fr_word *words, size_t count);

/* The same for a command that takes no longer than looking up its words and going once through a
 * value of some MiB. False: it may take longer (a script, SORT, KEYS, the union of sets; SMEMBERS
 * or DEL where there is much in the engine; thousands of words; an EXEC of such), and nothing has
 * been done. For callers that others wait for. */
bool fr_mock_call_briefly(struct fr_mock_session *session, const struct fr_word *words,
                          size_t count);

/* Whether the next command may be given: not while one blocks or is delayed, nor after the end. */
bool fr_mock_may_call(const struct fr_mock_session *session);

/* What there is to read; *len is 0 when nothing is. Valid until the next call of the engine. */
const char *fr_mock_output(struct fr_mock_session *session, size_t *len);

/* Forget the first len bytes of the output. */
void fr_mock_taken(struct fr_mock_session *session, size_t len);

/* Whether the connection is to be closed once the output was read (QUIT, MOCK DROP, CLIENT KILL, or
 * an output nobody reads). */
bool fr_mock_has_ended(const struct fr_mock_session *session);

/* How many microseconds from now fr_mock_tick has something to do: 0 now, -1 never. */
int64_t fr_mock_due_us(struct fr_mock *mock);

/* End what has waited long enough. */
void fr_mock_tick(struct fr_mock *mock);

/* ---------------------------------------------------------------- control, also the MOCK command
 */

/* Stop the clock, where it is or at a time in microseconds since 1970. */
void fr_mock_clock_stop(struct fr_mock *mock);
void fr_mock_clock_set(struct fr_mock *mock, int64_t now_us);

/* Move the clock, stopped or not. Keys expire and waits end as if the time had passed. */
void fr_mock_clock_move(struct fr_mock *mock, int64_t by_us);

/* Let the clock run as the one handed in. */
void fr_mock_clock_run(struct fr_mock *mock);

/* Answer the next count commands with this error ("ERR text", no line end; copied) instead of
 * executing them. Commands of a connection's beginning (AUTH, CLIENT, HELLO, SELECT, …) and MOCK
 * itself are not counted, here and below. */
void fr_mock_fail(struct fr_mock *mock, uint64_t count, const char *error, size_t error_len);

/* Keep the replies of the next count commands back for so long. */
void fr_mock_delay(struct fr_mock *mock, uint64_t count, int64_t delay_us);

/* Close the connection instead of executing the next count commands. */
void fr_mock_drop(struct fr_mock *mock, uint64_t count);

/* Begin chance anew. */
void fr_mock_seed(struct fr_mock *mock, uint64_t seed);

/* Copy all data under a name, and put such a copy back (false: there is none). Connections stay. */
void fr_mock_snapshot(struct fr_mock *mock, const char *name, size_t name_len);
bool fr_mock_restore(struct fr_mock *mock, const char *name, size_t name_len);

/* Forget data, snapshots, scripts and everything ordered above. Connections stay. */
void fr_mock_reset(struct fr_mock *mock);

/* Bytes in use. */
size_t fr_mock_memory(const struct fr_mock *mock);

/* What an engine answers to: the names in alphabetical order ("get", "client|id"), NULL at the end.
 */
const char *const *fr_mock_commands(void);

#endif
