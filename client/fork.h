/* All engines and handles of the process, for the moment of a fork: their locks are taken before,
 * so that the child finds no list half changed, and in the child they are made anew. */
#ifndef FR_CLIENT_FORK_H
#define FR_CLIENT_FORK_H

#include "client/engine.h"
#include "client/handle.h"

/* Have them looked after, from now on and no more. */
void fr_fork_add_engine(struct fr_engine *engine);
void fr_fork_remove_engine(struct fr_engine *engine);
void fr_fork_add_handle(FlaskRedis *redis);
void fr_fork_remove_handle(FlaskRedis *redis);

#endif
