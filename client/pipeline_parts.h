/* What a pipeline is, for its two files: keeping commands (pipeline.c), and executing them
 * (pipeline_execute.c).
 *
 *             watch                  multi                   execute, reset
 *   KEEPING ----------> WATCHING -------------> TRANSACTION -----------------> KEEPING
 *      ^  (no session)     |    (a session of its own; commands run at once, then are kept)
 *      +-------------------+ unwatch, reset
 */
#ifndef FR_CLIENT_PIPELINE_PARTS_H
#define FR_CLIENT_PIPELINE_PARTS_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

#include "client/engine.h"
#include "client/kept.h"
#include "flaskredis/pipeline.h"

enum fr_pipeline_state {
    FR_PIPELINE_KEEPING,
    FR_PIPELINE_WATCHING,
    FR_PIPELINE_TRANSACTION
};

struct FlaskRedisPipeline {
    struct fr_engine *engine; /* held */
    bool is_transaction;
    bool raises;
    enum fr_pipeline_state state;
    struct fr_session *session; /* while not KEEPING; NULL then: lost */
    struct fr_kept kept;
};

/* Forget everything. is_clean: the session watches nothing any more. */
void fr_pipeline_reset(FlaskRedisPipeline *pipe, bool is_clean);

/* Fail with WATCH, since the connection was lost. */
FlaskRedisStatus fr_pipeline_lost(void);

#endif
