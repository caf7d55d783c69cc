/* What the files of an upstream share among themselves. Nobody else includes this. */
#ifndef UPSTREAM_PARTS_H
#define UPSTREAM_PARTS_H

#include "daemon/upstream.h"

/* How a connection was lost: the oldest request is told. */
enum loss {
    LOSS_BEFORE_REPLY,
    LOSS_TOO_SLOW
};

/* upstream.c */
struct stats *upstream_stats(struct upstream *upstream);
const char *upstream_server_name(const struct upstream *upstream, char *to, size_t cap);
void upstream_set_timer(struct event *event, int64_t ms);
void upstream_become_ready(struct upstream *upstream);

/* upstream.c: the first reply since it is ready has come, so it really works. */
void upstream_note_replied(struct upstream *upstream);

/* upstream_failure.c: end the connection or the attempt at one; the reason is noted already. */
void upstream_end_connection(struct upstream *upstream, enum loss loss);

/* upstream_failure.c: tell the sinks of these slots, the first sent of which had been written, the
 * oldest first. The upstream may be destroyed meanwhile. */
void upstream_fail_slots(struct upstream *upstream, const struct slot *slots, uint32_t count,
                         uint32_t sent, bool is_cut, enum loss loss);

/* upstream_failure.c: the first count slots, and those behind that stand or fall with the last of
 * them. */
uint32_t upstream_whole(const struct upstream *upstream, uint32_t count);

/* upstream_replies.c: whether nothing more can come that anybody waits for. */
bool upstream_has_said_all(const struct upstream *upstream);

/* upstream_replies.c */
void upstream_on_readable(evutil_socket_t fd, short what, void *arg);

/* upstream_deadlines.c */
extern const struct reply_sink_ops upstream_heartbeat_ops;
void upstream_on_watch(evutil_socket_t fd, short what, void *arg);

/* upstream_deadlines.c: have the next deadline noticed. */
void upstream_arm_watch(struct upstream *upstream);

#endif
