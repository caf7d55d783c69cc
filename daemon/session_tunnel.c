/* Tunnels: bytes pass between a client and its lease as they are, until RESET ends it. */
#include "daemon/session_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/container.h"

bool session_is_tunnel(const struct session *session)
{
    return session->lease != NULL && session->lease->upstream->is_tunnel;
}

void session_begin_tunnel(struct session *session)
{
    session->tunnel_frame = (struct fr_reply){0};
    session->is_resetting = false;
    upstream_begin_tunnel(session->lease->upstream);
}

/* Follow the server's frames. Returns whether the bytes end with one that is +RESET. */
static bool follow(struct session *session, const char *data, size_t len)
{
    enum fr_frame outcome = FR_FRAME_MORE;
    for (size_t at = 0; at < len && outcome != FR_FRAME_BROKEN;) {
        size_t taken = 0;
        outcome = fr_reply_scan(&session->tunnel_frame, data + at, len - at, &taken);
        at += taken;
    }
    return outcome == FR_FRAME_DONE && FR_REPLY_BEGINS(&session->tunnel_frame, "+RESET\r\n");
}

/* The end of a tunnel that was sent RESET: nothing can follow the server's +RESET. It may stand
 * where an element is due: an EXEC announces replies that do not come, with CLIENT REPLY OFF in it,
 * or come as pushes, as those to SUBSCRIBE do in RESP3. */
static bool is_reset_reply(struct session *session, const char *data, size_t len)
{
    static const char reset[] = "+RESET\r\n";
    const size_t reset_len = sizeof reset - 1;
    bool ends_so = len >= reset_len && memcmp(data + len - reset_len, reset, reset_len) == 0;
    size_t before = session->is_resetting && ends_so ? len - reset_len : len;
    bool is_found = follow(session, data, before);
    bool is_value = before < len && fr_reply_is_between_values(&session->tunnel_frame);
    follow(session, data + before, len - before);
    return is_value || (session->is_resetting && is_found);
}

/* Whether the last frame says that the server has no RESET, as before 6.2. It repeats the name as
 * it was written, between quotes that depend on its version. */
static bool is_reset_unknown(const struct session *session)
{
    static const char begin[] = "-ERR unknown command ";
    const struct fr_reply *frame = &session->tunnel_frame;
    const char *name = frame->head + sizeof begin; /* behind the quote */
    return session->is_resetting && !fr_reply_is_open(frame) && FR_REPLY_BEGINS(frame, begin) &&
           frame->head_len >= sizeof begin + 6 && strncasecmp(name, "RESET", 5) == 0 &&
           name[5] == name[-1];
}

void session_on_tunnel(struct lease_holder *holder, const char *data, size_t len)
{
    struct session *session = container_of(holder, struct session, holder);
    session_write(session, data, len);
    bool is_reset = is_reset_reply(session, data, len);
    session_put_aside_back(session);
    if (is_reset) {
        session->lease->is_dirty = true;
        session_end_lease(session);
        session_forget_state(session);
        session_resume(session, STOP_WAIT);
    } else if (is_reset_unknown(session)) { /* and goes on as it is */
        session->is_resetting = false;
        session_resume(session, STOP_WAIT);
    }
}

/* How the server is made to find this mistake: what it is sent is as wrong. */
static const char *mistake_like(const char *error, char frame[16])
{
    static const char expected[] = "Protocol error: expected '$', got '";
    if (strncmp(error, expected, sizeof expected - 1) == 0) {
        snprintf(frame, 16, "*1\r\n%c\r\n", error[sizeof expected - 1]);
        return frame;
    }
    return strstr(error, "unbalanced quotes") != NULL     ? "'\r\n"
           : strstr(error, "invalid bulk length") != NULL ? "*1\r\n$x\r\n"
                                                          : "*x\r\n";
}

/* Nobody counts the replies that are owed, so only the server can say it in the right place. It
 * gets nothing of what the client sent, which it might take for something else. */
void session_break_tunnel(struct session *session, const char *error)
{
    char frame[16];
    const char *mistake = mistake_like(error, frame);
    upstream_send_raw(session->lease->upstream, mistake, strlen(mistake));
    upstream_end_input(session->lease->upstream);
    session_stop(session, STOP_END);
}
