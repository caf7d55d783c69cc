/* Tunnels: bytes pass between a client and its lease as they are, until RESET ends it. */
#include "daemon/session_parts.h"

#include <stdio.h>
#include <string.h>

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

/* The end of a tunnel that was sent RESET: nothing can follow the server's +RESET. A frame that is
 * still open then was not understood, as subscriptions within EXEC cannot be in RESP3. */
static bool is_reset_reply(struct session *session, const char *data, size_t len)
{
    static const char reset[] = "\r\n+RESET\r\n";
    bool is_found = false;
    size_t at = 0;
    while (at < len) {
        size_t taken = 0;
        enum fr_frame outcome = fr_reply_scan(&session->tunnel_frame, data + at, len - at, &taken);
        at += taken;
        if (outcome == FR_FRAME_BROKEN) {
            break;
        }
        is_found = outcome == FR_FRAME_DONE && session->is_resetting && at == len &&
                   FR_REPLY_BEGINS(&session->tunnel_frame, "+RESET\r\n");
    }
    bool is_alone = len == sizeof reset - 3 && memcmp(data, reset + 2, len) == 0;
    bool ends_so = len >= sizeof reset - 1 &&
                   memcmp(data + len - (sizeof reset - 1), reset, sizeof reset - 1) == 0;
    return is_found || (session->is_resetting &&
                        (is_alone || (ends_so && fr_reply_is_open(&session->tunnel_frame))));
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
