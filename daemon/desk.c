/* Guests of the main thread and their bounds. See desk.h. */
#include "daemon/desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/memory.h"

#define ARRIVALS_PER_TURN 16
#define PAUSE_MS 100

static void set_deadline(struct guest *guest, int64_t ms)
{
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(&guest->deadline, &after);
}

static void free_guest(struct guest *guest)
{
    event_del(&guest->deadline);
    if (guest->stream != NULL) {
        bufferevent_free(guest->stream);
    }
    TAILQ_REMOVE(&guest->desk->guests, guest, next);
    guest->desk->guest_count--;
    free(guest);
}

/* One that is waited for by an answer is freed when that comes. */
static void end_guest(struct guest *guest)
{
    if (!guest->is_busy) {
        free_guest(guest);
        return;
    }
    event_del(&guest->deadline);
    bufferevent_free(guest->stream);
    guest->stream = NULL;
    guest->is_gone = true;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct guest *guest = arg;
    (void)fd, (void)what;
    log_info("%s: a connection is closed: it neither ended its request nor read its reply in time",
             guest->desk->ops->name);
    end_guest(guest);
}

static size_t unread(const struct guest *guest)
{
    return evbuffer_get_length(bufferevent_get_output(guest->stream));
}

/* Take questions until one is not whole, is being answered, or its answer is not read. */
static void take_questions(struct guest *guest)
{
    struct evbuffer *in = bufferevent_get_input(guest->stream);
    size_t len;
    while (!guest->is_busy && !guest->closes && unread(guest) == 0 &&
           (len = evbuffer_get_length(in)) > 0) {
        guest->since_ms = loop_now_ms();
        size_t taken = guest->desk->ops->ask(guest, (const char *)evbuffer_pullup(in, -1), len);
        evbuffer_drain(in, taken);
        if (taken == 0) {
            break;
        }
        event_del(&guest->deadline);
    }
}

static void go_on(struct guest *guest)
{
    take_questions(guest);
    bool is_half = evbuffer_get_length(bufferevent_get_input(guest->stream)) > 0;
    bool is_pending = event_pending(&guest->deadline, EV_TIMEOUT, NULL);
    if ((guest->closes || guest->is_eof) && unread(guest) == 0 && !guest->is_busy) {
        end_guest(guest);
    } else if (guest->is_busy) {
        event_del(&guest->deadline);
    } else if (unread(guest) > 0) {
        set_deadline(guest, guest->desk->ops->answer_ms);
    } else if ((is_half || !guest->desk->ops->is_patient) && !is_pending) {
        set_deadline(guest, guest->desk->ops->question_ms);
    }
}

static void on_readable(struct bufferevent *stream, void *arg)
{
    (void)stream;
    go_on(arg);
}

static void on_written(struct bufferevent *stream, void *arg)
{
    struct guest *guest = arg;
    (void)stream;
    if (!guest->is_busy) {
        event_del(&guest->deadline);
    }
    go_on(guest);
}

static void on_end(struct bufferevent *stream, short what, void *arg)
{
    struct guest *guest = arg;
    (void)stream;
    if (what & BEV_EVENT_EOF && !(what & BEV_EVENT_ERROR)) {
        guest->is_eof = true; /* it may still read */
        go_on(guest);
    } else {
        end_guest(guest);
    }
}

void desk_answer(struct guest *guest, struct evbuffer *answer)
{
    bool was_busy = guest->is_busy;
    guest->is_busy = false;
    if (guest->is_gone) {
        free_guest(guest);
        return;
    }
    bufferevent_write_buffer(guest->stream, answer);
    if (was_busy) {
        go_on(guest);
    }
}

/* --------------------------------------------------------------------------------------- arrivals
 */

/* Close who has been silent for longest, to make room. */
static bool make_room(struct desk *desk)
{
    struct guest *oldest = NULL;
    struct guest *guest;
    TAILQ_FOREACH(guest, &desk->guests, next)
    {
        bool is_older = oldest == NULL || guest->since_ms < oldest->since_ms;
        oldest = !guest->is_busy && is_older ? guest : oldest;
    }
    if (oldest != NULL) {
        end_guest(oldest);
    }
    return oldest != NULL;
}

static void welcome(struct desk *desk, int fd)
{
    struct guest *guest = memory_zeroed(sizeof *guest);
    struct evbuffer *refusal = evbuffer_new();
    *guest = (struct guest){.desk = desk, .since_ms = loop_now_ms(), .proto = 2};
    guest->stream = bufferevent_socket_new(desk->base, fd, BEV_OPT_CLOSE_ON_FREE);
    event_assign(&guest->deadline, desk->base, -1, 0, on_deadline, guest);
    TAILQ_INSERT_TAIL(&desk->guests, guest, next);
    desk->guest_count++;
    bufferevent_setwatermark(guest->stream, EV_READ, 0, desk->ops->question_most);
    bufferevent_setcb(guest->stream, on_readable, on_written, on_end, guest);
    guest->closes = !desk->ops->admits(desk->owner, fd, refusal);
    bufferevent_write_buffer(guest->stream, refusal);
    evbuffer_free(refusal);
    bufferevent_enable(guest->stream, EV_READ | EV_WRITE);
    if (guest->closes || !desk->ops->is_patient) {
        set_deadline(guest, desk->ops->question_ms);
    }
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct desk *desk = arg;
    (void)fd, (void)what;
    event_add(&desk->arrivals, NULL);
}

/* Out of descriptors or memory: who waits is not lost, but must not keep us awake either. */
static void pause_arrivals(struct desk *desk)
{
    struct timeval after = {.tv_usec = PAUSE_MS * 1000};
    log_warning("%s: cannot accept a connection: %s", desk->ops->name, strerror(errno));
    event_del(&desk->arrivals);
    event_add(&desk->again, &after);
}

static void on_arrival(evutil_socket_t fd, short what, void *arg)
{
    struct desk *desk = arg;
    (void)what;
    for (int i = 0; i < ARRIVALS_PER_TURN; i++) {
        int guest = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (guest < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                pause_arrivals(desk);
            }
            return;
        }
        if (desk->guest_count >= desk->ops->guests_most && !make_room(desk)) {
            close(guest);
        } else {
            welcome(desk, guest);
        }
    }
}

void desk_open(struct desk *desk, struct event_base *base, int fd, const struct desk_ops *ops,
               void *owner)
{
    *desk = (struct desk){.ops = ops, .owner = owner, .base = base, .fd = fd};
    TAILQ_INIT(&desk->guests);
    event_assign(&desk->arrivals, base, fd, EV_READ | EV_PERSIST, on_arrival, desk);
    evtimer_assign(&desk->again, base, on_again, desk);
    event_add(&desk->arrivals, NULL);
}

void desk_close(struct desk *desk)
{
    struct guest *guest;
    struct guest *next;
    if (desk->ops == NULL) {
        return;
    }
    event_del(&desk->arrivals);
    event_del(&desk->again);
    close(desk->fd);
    for (guest = TAILQ_FIRST(&desk->guests); guest != NULL; guest = next) {
        next = TAILQ_NEXT(guest, next);
        free_guest(guest);
    }
    desk->ops = NULL;
}
