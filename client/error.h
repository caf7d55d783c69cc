/* Failing: the last error of a thread, and what the server's error words mean. */
#ifndef FR_CLIENT_ERROR_H
#define FR_CLIENT_ERROR_H

#include <stdbool.h>

#include "flaskredis/command.h"
#include "flaskredis/provider.h"
#include "flaskredis/status.h"

/* Fail for want of memory. */
FlaskRedisStatus fr_fail_memory(void);

/* Fail as an error reply says: its code word decides the status. */
FlaskRedisStatus fr_fail_reply(const redisReply *reply);

/* Fail again with this thread's last error, and text before its text. */
FlaskRedisStatus fr_fail_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with text behind it, in parentheses. */
FlaskRedisStatus fr_fail_because(const char *cause);

/* Whether this thread's last failure may have left its command executed. */
bool fr_may_have_run(void);

/* Tell the program's log, if it has one. */
void fr_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
