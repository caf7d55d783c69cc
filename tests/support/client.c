/* Non-blocking sockets under blocking calls: every wait is a poll with a deadline. */
#include "tests/support/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/process.h"

enum {
    READ_LEN = 64 * 1024,
    COMPACT_LEN = 1024 * 1024
};

/* ------------------------------------------------------------------------------------ framing */

static long value_len(const char *data, size_t len);

/* count values behind a header of header bytes. A push between them is not one of them. */
static long aggregate_len(const char *data, size_t len, size_t header, long long count)
{
    size_t at = header;
    while (count > 0) {
        if (at >= len) {
            return 0;
        }
        long one = value_len(data + at, len - at);
        if (one <= 0) {
            return one;
        }
        count -= data[at] == '>' ? 0 : 1;
        at += (size_t)one;
    }
    return (long)at;
}

static long attributed_len(const char *data, size_t len, size_t header, long long pairs)
{
    long own = aggregate_len(data, len, header, pairs * 2);
    if (own <= 0) {
        return own;
    }
    long value = value_len(data + own, len - (size_t)own);
    return value <= 0 ? value : own + value;
}

static long value_len(const char *data, size_t len)
{
    const char *end = len == 0 ? NULL : memchr(data, '\n', len);
    if (end == NULL) {
        return 0;
    }
    size_t header = (size_t)(end - data) + 1;
    if (header < 3 || end[-1] != '\r' || strchr("+-:_,#($=!*~>%|", data[0]) == NULL) {
        return -1;
    }
    if (strchr("+-:_,#(", data[0]) != NULL) {
        return (long)header;
    }
    long long count = strtoll(data + 1, NULL, 10);
    if (count < 0) {
        return (long)header;
    }
    if (strchr("$=!", data[0]) != NULL) {
        size_t whole = header + (size_t)count + 2;
        return whole <= len ? (long)whole : 0;
    }
    if (data[0] == '|') {
        return attributed_len(data, len, header, count);
    }
    return aggregate_len(data, len, header, data[0] == '%' ? count * 2 : count);
}

long reply_frame_len(const char *data, size_t len)
{
    return value_len(data, len);
}

/* ------------------------------------------------------------------------------------ sockets */

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *host_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64] = "";
    unsigned port = 0;
    if (sscanf(host_port, "%63[^:]:%u", host, &port) != 2 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return -1;
    }
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void release(void *what)
{
    struct client *client = what;
    client_close(client);
    bytes_finish(&client->in);
    bytes_finish(&client->reply);
    free(client);
}

struct client *client_try_connect(const char *address)
{
    static const char unix_scheme[] = "unix://", tcp_scheme[] = "redis://";
    int fd = -1;
    if (strncmp(address, unix_scheme, strlen(unix_scheme)) == 0) {
        fd = connect_unix(address + strlen(unix_scheme));
    } else if (strncmp(address, tcp_scheme, strlen(tcp_scheme)) == 0) {
        fd = connect_tcp(address + strlen(tcp_scheme));
    }
    if (fd < 0) {
        return NULL;
    }
    struct client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        abort();
    }
    client->fd = fd;
    case_defer(release, client);
    return client;
}

struct attempt {
    const char *address;
    struct client *client;
};

static bool has_connected(void *context)
{
    struct attempt *attempt = context;
    attempt->client = client_try_connect(attempt->address);
    return attempt->client != NULL;
}

/* A port may be listened on a moment later than the sockets that say that a daemon is there. */
struct client *client_connect(const char *address)
{
    struct attempt attempt = {.address = address};
    if (!wait_until(has_connected, &attempt, patience_ms())) {
        FAIL("%s: cannot connect: %s", address, strerror(errno));
    }
    return attempt.client;
}

void client_close(struct client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
}

void client_half_close(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

/* ------------------------------------------------------------------------------------ reading */

static void compact(struct client *client)
{
    if (client->taken == client->in.len || client->taken > COMPACT_LEN) {
        bytes_drop(&client->in, client->taken);
        client->taken = 0;
    }
}

/* Whether there was something. A reset counts as the end: the other side closed with input of ours
 * unread. */
static bool gather_part(struct client *client)
{
    static char part[READ_LEN];
    ssize_t got = recv(client->fd, part, sizeof(part), MSG_DONTWAIT);
    if (got > 0) {
        bytes_add(&client->in, part, (size_t)got);
    } else {
        client->ended = got == 0 || (errno != EAGAIN && errno != EINTR);
    }
    return got > 0 || (!client->ended && errno == EINTR);
}

size_t client_gather(struct client *client)
{
    compact(client);
    while (!client->ended && client->fd >= 0 && gather_part(client)) {
    }
    return client->in.len - client->taken;
}

size_t client_gather_part(struct client *client)
{
    compact(client);
    if (!client->ended && client->fd >= 0) {
        gather_part(client);
    }
    return client->in.len - client->taken;
}

static int wait_for(struct client *client, short events, int64_t deadline)
{
    int64_t left = deadline - now_ms();
    struct pollfd one = {.fd = client->fd, .events = events};
    return left <= 0 ? 0 : poll(&one, 1, (int)left);
}

/* Move the next complete frame to reply; false when there is none yet. */
static bool take_frame(struct client *client)
{
    size_t len = client->in.len - client->taken;
    if (len == 0) { /* there may be no buffer yet */
        return false;
    }
    const char *data = client->in.data + client->taken;
    long frame = reply_frame_len(data, len);
    if (frame < 0) {
        struct bytes text = {0};
        bytes_show(&text, data, len, 0);
        case_defer(free, text.data);
        FAIL("after '%s': not a reply: %s", client->about, text.data);
    }
    if (frame == 0) {
        return false;
    }
    client->reply.len = 0;
    bytes_add(&client->reply, data, (size_t)frame);
    client->taken += (size_t)frame;
    return true;
}

bool client_try_read(struct client *client, int64_t timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    while (!take_frame(client)) {
        if (client->ended || wait_for(client, POLLIN, deadline) <= 0) {
            return false;
        }
        client_gather(client);
    }
    return true;
}

/* Say what was there instead of what was waited for. */
static _Noreturn void give_up(const char *file, int line, struct client *client, const char *what)
{
    struct bytes text = {0};
    size_t len = client->in.len - client->taken;
    bytes_show(&text, len == 0 ? "" : client->in.data + client->taken, len, 0);
    case_defer(free, text.data);
    case_fail(file, line, "after '%s': %s%s; unfinished bytes: %s", client->about, what,
              client->ended ? " (the connection was closed)" : "", text.data);
}

const struct bytes *client_read(struct client *client)
{
    if (!client_try_read(client, patience_ms())) {
        give_up(__FILE__, __LINE__, client, "no complete reply");
    }
    return &client->reply;
}

static const struct bytes *read_all(const char *file, int line, struct client *client)
{
    int64_t deadline = now_ms() + patience_ms();
    while (!client->ended) {
        client_gather(client);
        if (!client->ended && wait_for(client, POLLIN, deadline) <= 0) {
            give_up(file, line, client, "the connection was not closed");
        }
    }
    client->reply.len = 0;
    size_t len = client->in.len - client->taken;
    bytes_add(&client->reply, len == 0 ? "" : client->in.data + client->taken, len);
    client->taken = client->in.len;
    return &client->reply;
}

const struct bytes *client_read_all(struct client *client)
{
    return read_all(__FILE__, __LINE__, client);
}

int64_t client_read_number(struct client *client)
{
    const struct bytes *reply = client_read(client);
    if (reply->data[0] != ':') {
        FAIL("after '%s': not a number: %s", client->about, reply->data);
    }
    return strtoll(reply->data + 1, NULL, 10);
}

int64_t field_number(const char *reply, const char *name)
{
    char field[80];
    snprintf(field, sizeof(field), "\r\n%s\r\n:", name);
    const char *found = strstr(reply, field);
    if (found == NULL) {
        FAIL("no field %s in %s", name, reply);
    }
    return strtoll(found + strlen(field), NULL, 10);
}

bool client_has_ended(struct client *client)
{
    client_gather(client);
    return client->ended;
}

/* ------------------------------------------------------------------------------------ sending */

size_t client_fill(struct client *client, const char *data, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        ssize_t count = send(client->fd, data + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count <= 0) {
            break;
        }
        sent += (size_t)count;
    }
    return sent;
}

bool client_is_writable(struct client *client, int timeout_ms)
{
    struct pollfd one = {.fd = client->fd, .events = POLLOUT};
    return poll(&one, 1, timeout_ms) > 0;
}

void client_send_bytes(struct client *client, const void *data, size_t len)
{
    int64_t deadline = now_ms() + patience_ms();
    size_t sent = client_fill(client, data, len);
    while (sent < len && !client_has_ended(client)) {
        if (wait_for(client, POLLIN | POLLOUT, deadline) <= 0) {
            give_up(__FILE__, __LINE__, client, "the other side does not read");
        }
        sent += client_fill(client, (const char *)data + sent, len - sent);
    }
}

void client_send(struct client *client, const char *format, ...)
{
    struct bytes request = {0};
    char words[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    snprintf(client->about, sizeof(client->about), "%.150s", words);
    bytes_add_request(&request, words);
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&request);
}

void client_send_script(struct client *client, const char *script)
{
    struct bytes requests = {0};
    bytes_add_script(&requests, script);
    snprintf(client->about, sizeof(client->about), "%.150s", script);
    client_send_bytes(client, requests.data, requests.len);
    bytes_finish(&requests);
}

void client_command(struct client *client, ...)
{
    struct bytes words = {0}, request = {0};
    size_t count = 0;
    va_list args;
    va_start(args, client);
    for (const char *word = va_arg(args, const char *); word != NULL;
         word = va_arg(args, const char *)) {
        if (count++ == 0) {
            snprintf(client->about, sizeof(client->about), "%.150s", word);
        }
        bytes_printf(&words, "$%zu\r\n%s\r\n", strlen(word), word);
    }
    va_end(args);
    bytes_printf(&request, "*%zu\r\n", count);
    bytes_add(&request, words.data, words.len);
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&words);
    bytes_finish(&request);
}

static bool is_consumed(void *client)
{
    int unread = 0;
    return ioctl(((struct client *)client)->fd, SIOCOUTQ, &unread) != 0 || unread == 0;
}

void client_wait_consumed(struct client *client)
{
    if (!wait_until(is_consumed, client, patience_ms())) {
        give_up(__FILE__, __LINE__, client, "the other side does not read");
    }
}

void client_wait_readable(struct client *client)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    if (poll(&readable, 1, (int)patience_ms()) != 1) {
        give_up(__FILE__, __LINE__, client, "nothing to read");
    }
}

struct listing {
    struct client *client;
    const char *text;
    int count;
};

static bool is_listed(void *what)
{
    const struct listing *listing = what;
    int count = 0;
    const char *at = client_call(listing->client, "CLIENT LIST")->data;
    while ((at = strstr(at, listing->text)) != NULL) {
        at += strlen(listing->text);
        count++;
    }
    return count == listing->count;
}

void client_wait_listed(struct client *client, const char *text, int count)
{
    struct listing listing = {client, text, count};
    if (!wait_until(is_listed, &listing, patience_ms())) {
        give_up(__FILE__, __LINE__, client, text);
    }
}

const struct bytes *client_call(struct client *client, const char *format, ...)
{
    char words[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    client_send(client, "%s", words);
    return client_read(client);
}

/* ------------------------------------------------------------------------------- expectations */

static void must_read(const char *file, int line, struct client *client)
{
    if (!client_try_read(client, patience_ms())) {
        give_up(file, line, client, "no complete reply");
    }
}

void expect_reply(const char *file, int line, struct client *client, const char *expected,
                  size_t len)
{
    char about[sizeof(client->about) + 16];
    must_read(file, line, client);
    snprintf(about, sizeof(about), "reply to '%s'", client->about);
    expect_bytes(file, line, about, client->reply.data, client->reply.len, expected, len);
}

void expect_reply_begins(const char *file, int line, struct client *client, const char *expected)
{
    char about[sizeof(client->about) + 32];
    must_read(file, line, client);
    size_t len = strlen(expected);
    snprintf(about, sizeof(about), "beginning of the reply to '%s'", client->about);
    if (client->reply.len < len || memcmp(client->reply.data, expected, len) != 0) {
        expect_bytes(file, line, about, client->reply.data, client->reply.len, expected, len);
    }
}

void expect_call(const char *file, int line, struct client *client, const char *words,
                 const char *expected, size_t len)
{
    client_send(client, "%s", words);
    expect_reply(file, line, client, expected, len);
}

void expect_call_begins(const char *file, int line, struct client *client, const char *words,
                        const char *expected)
{
    client_send(client, "%s", words);
    expect_reply_begins(file, line, client, expected);
}

void expect_all(const char *file, int line, struct client *client, const char *expected, size_t len)
{
    const struct bytes *all = read_all(file, line, client);
    expect_bytes(file, line, "all up to the close", all->data, all->len, expected, len);
}

void expect_same(const char *file, int line, struct client *through, struct client *direct,
                 const char *script)
{
    const char *words = NULL;
    size_t len = 0;
    while (bytes_next_line(&words, &len, &script)) {
        client_send(direct, "%.*s", (int)len, words);
        must_read(file, line, direct);
        client_send(through, "%.*s", (int)len, words);
        must_read(file, line, through);
        bytes_mask_ids(&through->reply);
        bytes_mask_ids(&direct->reply);
        expect_bytes(file, line, through->about, through->reply.data, through->reply.len,
                     direct->reply.data, direct->reply.len);
    }
}
