/* A worker's connection to an engine. See mock_line.h, and mock_parts.h for who may touch what.
 *
 *     upstream --write--> (whole frames) ----------------> engine's session --output--> read
 *                    |                        ^
 *                    +--> in: what must wait -+ the session blocks, its output is not read, the
 *                                               engine is busy, or the thread has to run it */
#include "daemon/mock_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "daemon/container.h"
#include "daemon/memory.h"
#include "daemon/mock_parts.h"

enum {
    OUTPUT_ENOUGH = 64 * 1024, /* is to be read before more is executed */
    KEPT_MAX = 64 * 1024,      /* of requests that wait; one that is not complete may be longer */
    KEPT_STEP = 16 * 1024,     /* of what follows, that little need be moved */
    CALLS_MAX = 256,           /* in a row, until others may have the engine */
    FEW_WORDS = 64
};

static struct mock_line *line_of(struct carrier *carrier)
{
    return container_of(carrier, struct mock_line, carrier);
}

/* ---------------------------------------------------------------------------------------- telling
 */

/* Called by the engine: whoever calls it tells the workers afterwards. */
static void on_output(void *arg)
{
    struct mock_line *line = arg;
    if (!line->has_news) {
        line->has_news = true;
        TAILQ_INSERT_TAIL(&line->host->news, line, news_link);
    }
}

static void on_mail(struct mail *mail, void *receiver)
{
    struct mock_line *line = container_of(mail, struct mock_line, mail);
    (void)receiver;
    pthread_mutex_lock(&line->host->lock);
    line->is_mailed = false;
    pthread_mutex_unlock(&line->host->lock);
    loop_defer(line->loop, &line->task);
}

/* Have its worker look at the line. */
static void tell(struct mock_line *line)
{
    if (line->is_abandoned) {
        return;
    }
    if (line->loop == line->host->caller) {
        loop_defer(line->loop, &line->task);
    } else if (!line->is_mailed) {
        line->is_mailed = true;
        mailbox_post(line->loop->mailbox, &line->mail);
    }
}

static void forget_news(struct mock_line *line)
{
    if (line->has_news) {
        line->has_news = false;
        TAILQ_REMOVE(&line->host->news, line, news_link);
    }
}

void mock_lines_tell(struct mock_host *host)
{
    struct mock_line *line;
    while ((line = TAILQ_FIRST(&host->news)) != NULL) {
        forget_news(line);
        tell(line);
    }
}

static void leave_to_thread(struct mock_line *line)
{
    struct mock_host *host = line->host;
    if (!line->is_pending) {
        line->is_pending = true;
        TAILQ_INSERT_TAIL(&host->pending, line, pending_link);
        mock_host_wake(host);
    }
}

static void give_turn(struct mock_line *line)
{
    if (!line->has_turn) {
        line->has_turn = true;
        line->host->turns++;
    }
}

/* Returns whether it had one, which the caller ends. */
static bool take_turn(struct mock_line *line)
{
    bool had_turn = line->has_turn;
    line->has_turn = false;
    return had_turn;
}

static void end_turn(struct mock_host *host)
{
    if (--host->turns == 0) {
        mock_host_wake(host);
    }
}

/* --------------------------------------------------------------------------------------- executing
 */

/* The caller may call the engine from now on. */
static void begin_calls(struct mock_line *line)
{
    line->budget = CALLS_MAX;
    if (line->session == NULL) {
        line->session = fr_mock_session_create(line->host->mock, on_output, line);
    }
}

/* The words of the frame that was scanned last; few is room for some, else what the caller frees.
 */
static struct fr_word *words_of(const struct mock_line *line, const char *frame,
                                struct fr_word few[FEW_WORDS])
{
    size_t count = line->request.argc;
    struct fr_word *words = count <= FEW_WORDS ? few : memory_alloc(count * sizeof(struct fr_word));
    struct fr_words walk = fr_words_begin(frame, line->request.scanned);
    for (size_t at = 0; at < count && fr_words_next(&walk, &words[at]); at++) {
    }
    return words;
}

/* Give one complete frame to the engine. False: that may take long, and has not been done. */
static bool call(struct mock_line *line, const char *frame)
{
    struct fr_word few[FEW_WORDS];
    struct fr_word *words = words_of(line, frame, few);
    bool is_done = fr_mock_call_briefly(line->session, words, line->request.argc);
    if (words != few) {
        free(words);
    }
    return is_done;
}

/* The same however long it takes: without the lock, so that no worker waits for it. */
static void call_long(struct mock_line *line, const char *frame)
{
    struct mock_host *host = line->host;
    struct fr_word few[FEW_WORDS];
    struct fr_word *words = words_of(line, frame, few);
    host->is_busy = line->is_running = true;
    pthread_mutex_unlock(&host->lock);
    fr_mock_call(line->session, words, line->request.argc);
    pthread_mutex_lock(&host->lock);
    host->is_busy = line->is_running = false;
    if (words != few) {
        free(words);
    }
}

static size_t output_len(struct mock_line *line)
{
    size_t len;
    fr_mock_output(line->session, &len);
    return len;
}

static bool may_execute(struct mock_line *line)
{
    return line->budget > 0 && !line->is_over && !line->is_long &&
           output_len(line) < OUTPUT_ENOUGH && fr_mock_may_call(line->session);
}

/* Execute what stands whole in data, as far as possible now. Returns how many bytes that took. */
static size_t execute(struct mock_line *line, const char *data, size_t len)
{
    size_t at = 0;
    line->needs_more = false;
    while (at < len && may_execute(line)) {
        enum fr_frame frame =
            fr_request_scan(&line->request, data + at, len - at, &line->host->limits);
        if (frame == FR_FRAME_MORE) {
            line->needs_more = true;
            break;
        }
        /* upstreams send arrays only: anything else is a mistake of this daemon */
        line->is_over = frame == FR_FRAME_BROKEN || line->request.is_inline;
        if (line->is_over) {
            break;
        }
        line->is_long = !call(line, data + at);
        at += line->is_long ? 0 : line->request.scanned;
        line->budget--;
        fr_request_reset(&line->request);
    }
    return at;
}

/* ------------------------------------------------------------------------------------- what waits
 */

/* Forget the beginning of what was kept. */
static void drop(struct mock_line *line, size_t len)
{
    line->in_len -= len;
    if (line->in_len == 0) {
        free(line->in);
        line->in = NULL;
        line->in_cap = 0;
    } else if (len > 0) {
        memmove(line->in, line->in + len, line->in_len);
    }
}

static void keep(struct mock_line *line, const char *data, size_t len)
{
    if (line->in_len + len > line->in_cap) {
        size_t cap = line->in_cap == 0 ? 256 : line->in_cap;
        while (cap < line->in_len + len) {
            cap *= 2;
        }
        line->in = memory_resize(line->in, cap);
        line->in_cap = cap;
    }
    memcpy(line->in + line->in_len, data, len);
    line->in_len += len;
    if (line->in_len > line->host->input_max) {
        line->is_over = true;
    }
}

/* How many bytes may be kept now. */
static size_t room(const struct mock_line *line)
{
    if (line->is_running) {
        return 0;
    }
    if (line->needs_more && !line->is_pending) {
        return SIZE_MAX;
    }
    return line->in_len < KEPT_MAX ? KEPT_MAX - line->in_len : 0;
}

static bool has_ended(const struct mock_line *line)
{
    return line->is_over || fr_mock_has_ended(line->session);
}

/* Whether the first of what was kept is only to have its turn. */
static bool goes_on(struct mock_line *line)
{
    bool has_room = output_len(line) < OUTPUT_ENOUGH;
    return line->in_len > 0 && !line->needs_more && (line->is_long || !has_room || !line->budget);
}

/* Have the rest looked at later, by who can. Behind the last request the end comes: what can be
 * answered at once has been, and one that blocks is forgotten. */
static void leave_rest(struct mock_line *line)
{
    if (line->is_long) {
        leave_to_thread(line);
    } else if (line->budget == 0) {
        loop_defer(line->loop, &line->task);
    }
    if (line->has_no_more && !goes_on(line)) {
        line->is_over = true;
    }
}

/* Go on with what has waited. */
static void advance(struct mock_line *line)
{
    if (line->in_len > 0) {
        drop(line, execute(line, line->in, line->in_len));
    }
    leave_rest(line);
}

/* What follows from calls that were made for this line. */
static void settle(struct mock_line *line)
{
    struct mock_host *host = line->host;
    if (!TAILQ_EMPTY(&host->news)) {
        mock_lines_tell(host);
    }
    if (!fr_mock_may_call(line->session)) {
        mock_host_note_wait(host);
    }
}

/* ----------------------------------------------------------------------------------------- thread
 */

static void destroy(struct mock_line *line)
{
    struct mock_host *host = line->host;
    if (line->is_pending) {
        TAILQ_REMOVE(&host->pending, line, pending_link);
    }
    forget_news(line);
    LIST_REMOVE(line, link);
    fr_mock_session_destroy(line->session);
    free(line->in);
    free(line);
}

/* Run what stands first, if all of it is there. */
static void run_first(struct mock_line *line)
{
    enum fr_frame frame =
        fr_request_scan(&line->request, line->in, line->in_len, &line->host->limits);
    if (frame == FR_FRAME_DONE) {
        call_long(line, line->in);
        drop(line, line->request.scanned);
        fr_request_reset(&line->request);
    }
}

bool mock_line_may_work(const struct mock_line *line)
{
    const struct mock_host *host = line->host;
    return host->turns == 0 || host->is_ending || !line->is_long || line->is_abandoned;
}

void mock_line_work(struct mock_line *line)
{
    struct mock_host *host = line->host;
    bool was_long = line->is_long;
    TAILQ_REMOVE(&host->pending, line, pending_link);
    line->is_pending = line->is_long = false;
    if (was_long && !line->is_abandoned) {
        run_first(line);
    }
    if (line->is_abandoned) {
        destroy(line);
    } else {
        if (!was_long) {
            give_turn(line);
        }
        tell(line);
    }
    mock_lines_tell(host);
}

/* ----------------------------------------------------------------------------- what a transport is
 */

/* Returns whether this worker may call the engine now; otherwise the thread will look at the line.
 */
static bool begin(struct mock_line *line)
{
    struct mock_host *host = line->host;
    pthread_mutex_lock(&host->lock);
    host->caller = line->loop;
    if (host->is_busy) {
        leave_to_thread(line);
        return false;
    }
    begin_calls(line);
    return true;
}

static void end(struct mock_line *line)
{
    line->host->caller = NULL;
    pthread_mutex_unlock(&line->host->lock);
}

/* Call the owner, which may close the line: the last thing to be done with it. */
static void call_owner(struct event *event, short what)
{
    event_get_callback(event)(-1, what, event_get_callback_arg(event));
}

/* Have the owner read or write, what it can. */
static void serve(struct mock_line *line, bool is_readable, bool is_writable)
{
    struct transport *transport = line->transport;
    is_readable = is_readable && transport->is_reading;
    is_writable = is_writable && transport->is_writing;
    if (is_readable && is_writable) {
        loop_defer(line->loop, &line->task);
    }
    if (is_readable) {
        call_owner(&transport->read_event, EV_READ);
    } else if (is_writable) {
        call_owner(&transport->write_event, EV_WRITE);
    }
}

/* A turn lasts until the replies have been read. */
static void run_task(struct loop_task *task)
{
    struct mock_line *line = container_of(task, struct mock_line, task);
    struct mock_host *host = line->host;
    bool is_readable = false;
    if (begin(line)) {
        advance(line);
        settle(line);
        is_readable = output_len(line) > 0 || has_ended(line);
    }
    bool is_writable = room(line) > 0;
    bool had_turn = take_turn(line);
    end(line);
    serve(line, is_readable, is_writable);
    if (had_turn) {
        pthread_mutex_lock(&host->lock);
        end_turn(host);
        pthread_mutex_unlock(&host->lock);
    }
}

static void open_line(struct carrier *carrier, struct transport *transport)
{
    line_of(carrier)->transport = transport;
}

static void want(struct carrier *carrier)
{
    struct mock_line *line = line_of(carrier);
    const struct transport *transport = line->transport;
    if (transport->is_writing || (transport->is_reading && !line->was_reading)) {
        loop_defer(line->loop, &line->task);
    }
    line->was_reading = transport->is_reading;
}

static enum transport_outcome read_replies(struct carrier *carrier, void *to, size_t cap,
                                           size_t *count)
{
    struct mock_line *line = line_of(carrier);
    size_t len = 0;
    bool is_at_end = false;
    *count = 0;
    if (begin(line)) {
        const char *output = fr_mock_output(line->session, &len);
        *count = len < cap ? len : cap;
        memcpy(to, output, *count);
        fr_mock_taken(line->session, *count);
        is_at_end = has_ended(line);
        if (*count > 0 && (len > *count || is_at_end || line->in_len > 0)) {
            loop_defer(line->loop, &line->task);
        }
    }
    end(line);
    if (*count > 0) {
        return TRANSPORT_OK;
    }
    return is_at_end ? TRANSPORT_END : TRANSPORT_AGAIN;
}

static size_t keep_some(struct mock_line *line, const char *data, size_t len)
{
    size_t most = room(line);
    len = len < most ? len : most;
    if (len > 0) {
        keep(line, data, len);
    }
    return len;
}

/* Put bytes behind those that are kept, a few at a time, and go on with them. */
static size_t take_behind(struct mock_line *line, const char *data, size_t len)
{
    size_t kept = keep_some(line, data, len < KEPT_STEP ? len : KEPT_STEP);
    advance(line);
    return kept;
}

static size_t take_directly(struct mock_line *line, const char *data, size_t len)
{
    size_t taken = execute(line, data, len);
    if (taken < len && line->budget > 0) {
        taken += keep_some(line, data + taken, len - taken);
        leave_rest(line);
    }
    return taken;
}

/* Take bytes of requests, until it is others' turn. Returns how many were taken. */
static size_t take(struct mock_line *line, const char *data, size_t len)
{
    size_t at = 0;
    size_t step = 1;
    while (at < len && step > 0 && line->budget > 0) {
        step = line->in_len > 0 ? take_behind(line, data + at, len - at)
                                : take_directly(line, data + at, len - at);
        at += step;
    }
    return at;
}

static enum transport_outcome write_requests(struct carrier *carrier, const struct iovec *pieces,
                                             size_t piece_count, size_t *count)
{
    struct mock_line *line = line_of(carrier);
    bool may_call = begin(line);
    bool is_at_end = may_call && has_ended(line);
    bool is_whole = true;
    *count = 0;
    for (size_t i = 0; i < piece_count && is_whole && !is_at_end; i++) {
        const char *data = pieces[i].iov_base;
        size_t len = pieces[i].iov_len;
        size_t taken = may_call ? take(line, data, len) : keep_some(line, data, len);
        *count += taken;
        is_whole = taken == pieces[i].iov_len;
    }
    if (may_call) {
        settle(line);
    }
    end(line);
    loop_defer(line->loop, &line->task);
    if (*count > 0) {
        return TRANSPORT_OK;
    }
    errno = EPIPE;
    return is_at_end ? TRANSPORT_FAILED : TRANSPORT_AGAIN;
}

static void end_output(struct carrier *carrier)
{
    struct mock_line *line = line_of(carrier);
    begin(line);
    line->has_no_more = true;
    end(line);
    loop_defer(line->loop, &line->task); /* which finds the end */
}

static void close_line(struct carrier *carrier)
{
    struct mock_line *line = line_of(carrier);
    struct mock_host *host = line->host;
    loop_cancel(line->loop, &line->task);
    pthread_mutex_lock(&host->lock);
    if (line->is_mailed) {
        mailbox_take_back(line->loop->mailbox, &line->mail);
    }
    if (take_turn(line)) {
        end_turn(host);
    }
    if (host->is_busy) {
        line->is_abandoned = true;
        leave_to_thread(line);
    } else {
        destroy(line);
        mock_lines_tell(host);
    }
    pthread_mutex_unlock(&host->lock);
}

static const struct carrier_ops carrier_ops = {.open = open_line,
                                               .want = want,
                                               .read = read_replies,
                                               .write = write_requests,
                                               .end_output = end_output,
                                               .close = close_line};

struct carrier *mock_line_create(struct loop *loop, const struct prefix_settings *settings)
{
    struct mock_host *host = mock_host_get(settings);
    if (host == NULL) {
        return NULL;
    }
    struct mock_line *line = memory_zeroed(sizeof *line);
    line->carrier.ops = &carrier_ops;
    line->host = host;
    line->loop = loop;
    line->mail.run = on_mail;
    loop_task_init(&line->task, LOOP_ANSWER, run_task);
    pthread_mutex_lock(&host->lock);
    LIST_INSERT_HEAD(&host->lines, line, link);
    pthread_mutex_unlock(&host->lock);
    return &line->carrier;
}
