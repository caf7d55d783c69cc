/* HTTP of the simplest kind: one GET or HEAD, one answer, and the connection closes. See web.h. */
#include "daemon/web.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/metrics.h"
#include "daemon/page.h"

#define GUESTS_MOST 32
#define REQUEST_MOST 8192

struct document {
    const char *path, *type;
    /* NULL: the page, which is always the same. */
    void (*write)(const struct metrics *metrics, struct evbuffer *to);
};

static const struct document documents[] = {
    {"/", "text/html; charset=utf-8", NULL},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write_text},
    {"/status.json", "application/json", metrics_write_json},
};

/* A question to the workers for one of these. */
struct web_question {
    struct census census;
    struct web *web;
    struct guest *guest;
    const struct document *document;
    bool is_head;
    struct tallies tallies;
};

/* ---------------------------------------------------------------------------------------- answers
 */

/* The body is moved behind its headers. No script and no style but the page's own, and no other
 * place to send anything to. */
static void answer(struct guest *guest, const char *status, const char *type, struct evbuffer *body,
                   bool is_head)
{
    struct evbuffer *whole = evbuffer_new();
    guest->closes = true;
    evbuffer_add_printf(whole,
                        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\nCache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
                        "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src "
                        "'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                        "connect-src 'self'; img-src data:\r\n\r\n",
                        status, type, evbuffer_get_length(body));
    if (!is_head) {
        evbuffer_add_buffer(whole, body);
    }
    desk_answer(guest, whole);
    evbuffer_free(whole);
}

static void answer_text(struct guest *guest, const char *status, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "%s\n", text);
    answer(guest, status, "text/plain", body, false);
    evbuffer_free(body);
}

/* --------------------------------------------------------------------------------------- questions
 */

static void visit(struct census *census, struct worker *worker)
{
    struct web_question *question = (struct web_question *)census;
    const struct pool *pool;
    for (pool = worker->table.pools; pool != NULL; pool = pool->hh.next) {
        tallies_add(&question->tallies, pool);
    }
}

static void finish(struct census *census)
{
    struct web_question *question = (struct web_question *)census;
    const struct metrics metrics = {.service = question->web->service,
                                    .tallies = &question->tallies,
                                    .started_s = question->web->started_s};
    struct evbuffer *body = evbuffer_new();
    question->document->write(&metrics, body);
    answer(question->guest, "200 OK", question->document->type, body, question->is_head);
    evbuffer_free(body);
    tallies_finish(&question->tallies);
    free(question);
}

static void give(struct guest *guest, const struct document *document, bool is_head)
{
    struct web *web = guest->desk->owner;
    if (document->write == NULL) {
        struct evbuffer *body = evbuffer_new();
        evbuffer_add(body, page_html, page_len());
        answer(guest, "200 OK", document->type, body, is_head);
        evbuffer_free(body);
        return;
    }
    struct web_question *question = memory_zeroed(sizeof *question);
    *question = (struct web_question){.census.visit = visit,
                                      .census.finish = finish,
                                      .web = web,
                                      .guest = guest,
                                      .document = document,
                                      .is_head = is_head};
    if (!census_start(&question->census, web->office)) {
        free(question);
        answer_text(guest, "503 Service Unavailable", "a worker stands still");
        return;
    }
    guest->is_busy = true;
}

/* ---------------------------------------------------------------------------------------- requests
 */

/* "GET /metrics?x HTTP/1.1": the method and the path. */
static void route(struct guest *guest, const char *line, size_t len)
{
    bool is_head = len > 5 && memcmp(line, "HEAD ", 5) == 0;
    bool is_get = len > 4 && memcmp(line, "GET ", 4) == 0;
    const char *path = line + (is_head ? 5 : 4);
    if (!is_head && !is_get) {
        answer_text(guest, "405 Method Not Allowed", "only GET and HEAD");
        return;
    }
    size_t path_len = 0;
    while (path + path_len < line + len && path[path_len] != ' ' && path[path_len] != '?') {
        path_len++;
    }
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        if (strlen(documents[i].path) == path_len &&
            memcmp(path, documents[i].path, path_len) == 0) {
            give(guest, &documents[i], is_head);
            return;
        }
    }
    answer_text(guest, "404 Not Found", "there are /, /metrics and /status.json");
}

/* Headers end with an empty line; none of them matters here. */
static size_t ask(struct guest *guest, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    const char *line_end = memchr(data, '\r', len);
    if (end == NULL) {
        if (len < REQUEST_MOST) {
            return 0;
        }
        answer_text(guest, "431 Request Header Fields Too Large", "the request is too long");
        return len;
    }
    route(guest, data, (size_t)(line_end - data));
    return (size_t)(end - data) + 4;
}

static bool admits(void *owner, int fd, struct evbuffer *refusal)
{
    (void)owner, (void)fd, (void)refusal;
    return true;
}

static const struct desk_ops desk_ops = {.name = "metrics",
                                         .guests_most = GUESTS_MOST,
                                         .question_most = REQUEST_MOST,
                                         .question_ms = 10000,
                                         .answer_ms = 60000,
                                         .is_patient = false,
                                         .admits = admits,
                                         .ask = ask};

/* ---------------------------------------------------------------------------------------- opening
 */

bool web_open(struct web *web, struct service *service, struct census_office *office,
              const struct settings *settings, struct problems *problems)
{
    const struct daemon_settings *daemon = &settings->daemon;
    *web = (struct web){.service = service, .office = office, .started_s = time(NULL)};
    if (daemon->metrics_listen[0] == '\0') {
        return true;
    }
    bool is_open = daemon->metrics_tcp.wanted
                       ? listener_open_own_port(&web->listener, settings, daemon->metrics_listen,
                                                &daemon->metrics_tcp, problems)
                       : listener_open_own(&web->listener, settings, "metrics", 0666, problems);
    if (is_open) {
        log_notice("metrics: listening on %s", web->listener.address);
        desk_open(&web->desk, service->base, web->listener.fd, &desk_ops, web);
    }
    return is_open;
}

void web_close(struct web *web)
{
    if (web->desk.ops == NULL) {
        return;
    }
    desk_close(&web->desk);
    web->listener.fd = -1; /* was the desk's */
    if (web->listener.path != NULL) {
        unlink(web->listener.path);
    }
    listener_close(&web->listener);
}
