/* The protocol of sd_notify(3) and sd_listen_fds(3), from the other side. */
#include "tests/support/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/bytes.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    MESSAGES_MAX = 4096,
    NAMED_MAX = 32,
    NAME_CAP = 100,
    FIRST_FD = 3,
    ASIDE_FD = 200 /* where descriptors wait while the first ones are put in place */
};

struct message {
    char *text;
    int64_t at_ms;
};

struct named {
    char name[NAME_CAP];
    int fd;
    bool is_stored; /* else a socket unit's */
};

struct manager {
    char *path;
    int fd;
    int end_fd;
    int64_t watchdog_ms;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what is below */
    struct message messages[MESSAGES_MAX];
    size_t count;
    struct named named[NAMED_MAX];
    size_t named_count;
};

/* --- messages --------------------------------------------------------------------------------- */

/* The line of the message that begins so, or NULL. */
static const char *find_line(const char *text, const char *line)
{
    for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, line, strlen(line)) == 0) {
            return at;
        }
    }
    return NULL;
}

static void read_name(const char *text, char name[NAME_CAP])
{
    const char *line = find_line(text, "FDNAME=");
    snprintf(name, NAME_CAP, "%.*s", line == NULL ? 0 : (int)strcspn(line + 7, "\n"),
             line == NULL ? "" : line + 7);
}

static bool is_same_file(int one, int other)
{
    struct stat a;
    struct stat b;
    return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* As the real one: what it has already is not stored again. */
static void store(struct manager *manager, const char *name, int fd)
{
    for (size_t i = 0; i < manager->named_count; i++) {
        if (is_same_file(manager->named[i].fd, fd)) {
            close(fd);
            return;
        }
    }
    if (manager->named_count == NAMED_MAX) {
        close(fd);
        return;
    }
    struct named *named = &manager->named[manager->named_count++];
    snprintf(named->name, sizeof(named->name), "%s", name);
    named->fd = fd;
    named->is_stored = true;
}

static void forget(struct manager *manager, const char *name)
{
    for (size_t i = manager->named_count; i-- > 0;) {
        struct named *named = &manager->named[i];
        if (named->is_stored && strcmp(named->name, name) == 0) {
            close(named->fd);
            *named = manager->named[--manager->named_count];
        }
    }
}

/* What comes with a barrier is closed, which is what its sender waits for. */
static void take(struct manager *manager, const char *text, int fd)
{
    char name[NAME_CAP];
    read_name(text, name);
    if (manager->count < MESSAGES_MAX) {
        manager->messages[manager->count++] = (struct message){strdup(text), now_ms()};
    }
    if (find_line(text, "FDSTOREREMOVE=1") != NULL) {
        forget(manager, name);
    }
    if (fd >= 0 && find_line(text, "FDSTORE=1") != NULL) {
        store(manager, name, fd);
    } else if (fd >= 0) {
        close(fd);
    }
}

static void receive(struct manager *manager)
{
    char text[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {text, sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd = -1;
    ssize_t len = recvmsg(manager->fd, &message, MSG_CMSG_CLOEXEC);
    if (len < 0) {
        return;
    }
    text[len] = '\0';
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at)) {
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS) {
            memcpy(&fd, CMSG_DATA(at), sizeof(fd));
        }
    }
    pthread_mutex_lock(&manager->mutex);
    take(manager, text, fd);
    pthread_mutex_unlock(&manager->mutex);
}

static void *listen_to_services(void *context)
{
    struct manager *manager = context;
    struct pollfd fds[] = {{.fd = manager->fd, .events = POLLIN},
                           {.fd = manager->end_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 || fds[1].revents == 0) {
        if (fds[0].revents != 0) {
            receive(manager);
        }
    }
    return NULL;
}

/* --- starting services ------------------------------------------------------------------------ */

static void set_number(const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    setenv(name, text, 1);
}

/* In the child: descriptors from FIRST_FD on, in the order of the names. No lock: the thread that
 * may hold it is not in the child, and changes nothing that matters. */
static void prepare(void *context)
{
    const struct manager *manager = context;
    char names[NAMED_MAX * (NAME_CAP + 1)] = "";
    setenv("NOTIFY_SOCKET", manager->path, 1);
    if (manager->watchdog_ms > 0) {
        set_number("WATCHDOG_USEC", manager->watchdog_ms * 1000);
    }
    for (size_t i = 0; i < manager->named_count; i++) {
        dup2(manager->named[i].fd, ASIDE_FD + (int)i);
        strcat(strcat(names, i == 0 ? "" : ":"), manager->named[i].name);
    }
    for (int i = 0; i < (int)manager->named_count; i++) {
        dup2(ASIDE_FD + i, FIRST_FD + i);
        close(ASIDE_FD + i);
    }
    if (manager->named_count > 0) {
        set_number("LISTEN_FDS", (int64_t)manager->named_count);
        set_number("LISTEN_PID", getpid());
        setenv("LISTEN_FDNAMES", names, 1);
    }
}

static void stop(void *context)
{
    static const uint64_t one = 1;
    struct manager *manager = context;
    if (write(manager->end_fd, &one, sizeof(one)) < 0) {
        return;
    }
    pthread_join(manager->thread, NULL);
    for (size_t i = 0; i < manager->count; i++) {
        free(manager->messages[i].text);
    }
    for (size_t i = 0; i < manager->named_count; i++) {
        close(manager->named[i].fd);
    }
    close(manager->fd);
    close(manager->end_fd);
    pthread_mutex_destroy(&manager->mutex);
}

struct manager *manager_start(int64_t watchdog_ms)
{
    static const int yes = 1;
    struct manager *manager = case_alloc(sizeof(*manager));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    manager->path = case_path("notify");
    manager->watchdog_ms = watchdog_ms;
    manager->end_fd = eventfd(0, EFD_CLOEXEC);
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", manager->path);
    setsockopt(manager->fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
    if (bind(manager->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        FAIL("service manager: cannot listen at %s: %s", manager->path, strerror(errno));
    }
    pthread_mutex_init(&manager->mutex, NULL);
    EXPECT_NUMBER(pthread_create(&manager->thread, NULL, listen_to_services, manager), 0);
    case_defer(stop, manager);
    daemon_prepare(prepare, manager);
    return manager;
}

void manager_hand_over(struct manager *manager, const char *name, int fd)
{
    pthread_mutex_lock(&manager->mutex);
    struct named *named = &manager->named[manager->named_count++];
    *named = (struct named){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    snprintf(named->name, sizeof(named->name), "%s", name);
    pthread_mutex_unlock(&manager->mutex);
}

/* --- what was said ---------------------------------------------------------------------------- */

int manager_count(struct manager *manager, const char *line)
{
    int count = 0;
    pthread_mutex_lock(&manager->mutex);
    for (size_t i = 0; i < manager->count; i++) {
        count += find_line(manager->messages[i].text, line) != NULL;
    }
    pthread_mutex_unlock(&manager->mutex);
    return count;
}

struct expected {
    struct manager *manager;
    const char *line;
    int count;
};

static bool has_come(void *context)
{
    struct expected *expected = context;
    return manager_count(expected->manager, expected->line) >= expected->count;
}

void manager_expect(struct manager *manager, const char *line, int count)
{
    struct expected expected = {manager, line, count};
    if (!wait_until(has_come, &expected, 2 * patience_ms())) {
        FAIL("service manager: expected %d messages with \"%s\", got %d; all it was told:\n%s",
             count, line, manager_count(manager, line), manager_text(manager));
    }
}

char *manager_text(struct manager *manager)
{
    struct bytes text = {0};
    bytes_add_text(&text, "");
    pthread_mutex_lock(&manager->mutex);
    for (size_t i = 0; i < manager->count; i++) {
        bytes_printf(&text, "%s\n--\n", manager->messages[i].text);
    }
    pthread_mutex_unlock(&manager->mutex);
    case_defer(free, text.data);
    return text.data;
}

char *manager_last(struct manager *manager, const char *line)
{
    struct bytes text = {0};
    bytes_add_text(&text, "");
    pthread_mutex_lock(&manager->mutex);
    for (size_t i = manager->count; i-- > 0 && text.len == 0;) {
        const char *found = find_line(manager->messages[i].text, line);
        if (found != NULL) {
            bytes_add(&text, found, strcspn(found, "\n"));
        }
    }
    pthread_mutex_unlock(&manager->mutex);
    case_defer(free, text.data);
    return text.data;
}

int64_t manager_shortest_ms(struct manager *manager, const char *line)
{
    int64_t shortest = INT64_MAX;
    int64_t before = -1;
    pthread_mutex_lock(&manager->mutex);
    for (size_t i = 0; i < manager->count; i++) {
        const struct message *message = &manager->messages[i];
        if (find_line(message->text, line) != NULL) {
            int64_t gap = before < 0 ? INT64_MAX : message->at_ms - before;
            shortest = gap < shortest ? gap : shortest;
            before = message->at_ms;
        }
    }
    pthread_mutex_unlock(&manager->mutex);
    return shortest;
}

int manager_stored(struct manager *manager, const char *name)
{
    int count = 0;
    pthread_mutex_lock(&manager->mutex);
    for (size_t i = 0; i < manager->named_count; i++) {
        count += manager->named[i].is_stored && strcmp(manager->named[i].name, name) == 0;
    }
    pthread_mutex_unlock(&manager->mutex);
    return count;
}
