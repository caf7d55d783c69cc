/* A connection to a mock engine, as what carries the bytes of a transport (transport.h).
 *
 * There is no socket: what is written is executed before the call returns, and its replies are read
 * in the same turn (LOOP_ANSWER), without a system call or a wake-up. Commands that may take long
 * go to the engine's thread, with all that is written behind them. */
#ifndef MOCK_LINE_H
#define MOCK_LINE_H

struct carrier;
struct loop;
struct prefix_settings;

/* Connect to the engine that the prefix' URL names, which begins with the first to do so; its
 * settings are those of that prefix. The loop must have a mailbox. NULL with errno: the system
 * refuses. */
struct carrier *mock_line_create(struct loop *loop, const struct prefix_settings *settings);

#endif
