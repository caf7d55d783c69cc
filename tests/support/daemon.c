/* Starting and ending the daemon under test. */
#include "tests/support/daemon.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/bytes.h"

enum {
    WORDS_MAX = 32,
    LOG_TAIL = 3000,
    PREFIX_LEN = 64
};

static int started; /* daemons of this process, to tell their files apart */

bool daemon_is_direct(void)
{
    return getenv("TEST_DIRECT") != NULL;
}

int daemon_workers(void)
{
    const char *workers = getenv("TEST_WORKERS");
    return workers == NULL ? 1 : atoi(workers);
}

static void replace_url(struct bytes *to, const char *config, const char *url)
{
    static const char placeholder[] = "{url}";
    const char *found;
    while ((found = strstr(config, placeholder)) != NULL) {
        bytes_add(to, config, (size_t)(found - config));
        bytes_add_text(to, url);
        config = found + strlen(placeholder);
    }
    bytes_add_text(to, config);
}

/* The daemon's own section comes first, with what tests want where the case does not say. */
static void write_config(const struct daemon *pooler, const char *url, const char *config)
{
    static const char own[] = "[flaskredisd]\n";
    struct bytes text = {0};
    bytes_add_text(&text, own);
    if (strstr(config, "workers =") == NULL) {
        bytes_printf(&text, "workers = %d\n", daemon_workers());
    }
    if (strstr(config, "shutdown_ms =") == NULL) {
        bytes_add_text(&text, "shutdown_ms = 2000\n");
    }
    if (strncmp(config, own, strlen(own)) == 0) {
        config += strlen(own);
    }
    replace_url(&text, config, url);
    file_write(pooler->config_path, text.data);
    bytes_finish(&text);
}

char *daemon_address(const struct daemon *pooler, const char *prefix)
{
    size_t cap = strlen(pooler->server_url) + 256;
    char *address = case_alloc(cap);
    if (pooler->runtime_dir == NULL) {
        snprintf(address, cap, "%s", pooler->server_url);
    } else {
        snprintf(address, cap, "unix://%s/%s.sock", pooler->runtime_dir, prefix);
    }
    return address;
}

static bool accepts(const struct daemon *pooler, const char *prefix)
{
    struct client *client = client_try_connect(daemon_address(pooler, prefix));
    if (client != NULL) {
        client_close(client);
    }
    return client != NULL;
}

static bool all_accept(const struct daemon *pooler, const char *config)
{
    for (const char *at = strchr(config, '['); at != NULL; at = strchr(at + 1, '[')) {
        char prefix[PREFIX_LEN] = "";
        sscanf(at, "[%63[^]]", prefix);
        for (char *letter = prefix; *letter != '\0'; letter++) {
            *letter = (char)tolower((unsigned char)*letter);
        }
        if (strcmp(prefix, "flaskredisd") != 0 && strcmp(prefix, "client_pools") != 0 &&
            !accepts(pooler, prefix)) {
            return false;
        }
    }
    return true;
}

struct starting {
    struct daemon *pooler;
    const char *config;
};

static bool is_ready_or_ended(void *context)
{
    struct starting *starting = context;
    return process_has_ended(&starting->pooler->process) ||
           all_accept(starting->pooler, starting->config);
}

static const char *binary(void)
{
    const char *path = getenv("FLASKREDISD");
    path = path == NULL ? getenv("FLASKREDIS") : path;
    return path == NULL ? "build/flaskredisd" : path;
}

static struct {
    void (*prepare)(void *context);
    void *context;
} preparation;

static void forget_preparation(void *unused)
{
    (void)unused;
    preparation.prepare = NULL;
}

void daemon_prepare(void (*prepare)(void *context), void *context)
{
    preparation.prepare = prepare;
    preparation.context = context;
    case_defer(forget_preparation, NULL);
}

void daemon_reconfigure(struct daemon *pooler, const char *config)
{
    write_config(pooler, pooler->server_url, config);
}

void daemon_launch(struct daemon *pooler)
{
    const char *wrapper = getenv("DAEMON_WRAPPER");
    char *argv[WORDS_MAX], *rest = NULL;
    char *words = case_alloc(wrapper == NULL ? 1 : strlen(wrapper) + 1);
    size_t count = 0;
    strcpy(words, wrapper == NULL ? "" : wrapper);
    for (char *word = strtok_r(words, " ", &rest); word != NULL && count + 4 < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        argv[count++] = word;
    }
    argv[count++] = (char *)binary();
    argv[count++] = "-c";
    argv[count++] = pooler->config_path;
    argv[count] = NULL;
    process_start_prepared(&pooler->process, argv, pooler->log_path, preparation.prepare,
                           preparation.context);
}

char *daemon_log(const struct daemon *pooler)
{
    return file_text(pooler->log_path);
}

static void print_log(const struct daemon *pooler)
{
    const char *log = daemon_log(pooler);
    size_t len = strlen(log);
    printf("\n--- end of the daemon's log\n%s---\n", len > LOG_TAIL ? log + len - LOG_TAIL : log);
}

void daemon_ask_to_end(struct daemon *pooler)
{
    if (!pooler->is_ending) {
        process_signal(&pooler->process, SIGTERM);
        pooler->is_ending = true;
    }
}

/* Failures here are recorded only: the case may be over already. */
static void end(struct daemon *pooler)
{
    if (pooler->process.pid == 0 && !pooler->is_ending) {
        return;
    }
    daemon_ask_to_end(pooler);
    pooler->is_ending = false;
    if (!process_wait(&pooler->process, patience_ms())) {
        case_note_failure(__FILE__, __LINE__, "the daemon does not end on SIGTERM");
        process_kill(&pooler->process);
    } else if (!WIFEXITED(pooler->process.status) || WEXITSTATUS(pooler->process.status) != 0) {
        case_note_failure(__FILE__, __LINE__, "the daemon ended with wait status 0x%x, expected 0",
                          (unsigned)pooler->process.status);
    }
    if (strstr(daemon_log(pooler), "runtime error:") != NULL) {
        case_note_failure(__FILE__, __LINE__, "the daemon's log has a sanitizer's complaint");
    }
}

static void release(void *what)
{
    struct daemon *pooler = what;
    process_has_ended(&pooler->process);
    end(pooler);
    if (case_has_failed()) {
        print_log(pooler);
    }
}

static void prepare(struct daemon *pooler)
{
    int number = started++;
    pooler->runtime_dir = case_path("d%d", number);
    pooler->config_path = case_path("d%d.conf", number);
    pooler->log_path = case_path("d%d.log", number);
    if (mkdir(pooler->runtime_dir, 0700) != 0) {
        FAIL("directory %s: cannot be made", pooler->runtime_dir);
    }
    setenv("FLASKREDIS_RUNTIME_DIR", pooler->runtime_dir, 1);
    unsetenv("REDIS_URL"); /* the environment would win over the file */
    unsetenv("CACHE_URL");
}

struct daemon *daemon_start(const char *url, const char *config)
{
    struct daemon *pooler = case_alloc(sizeof(*pooler));
    pooler->server_url = case_alloc(strlen(url) + 1);
    strcpy(pooler->server_url, url);
    if (daemon_is_direct()) {
        return pooler;
    }
    prepare(pooler);
    write_config(pooler, url, config);
    case_defer(release, pooler);
    daemon_launch(pooler);
    struct starting starting = {pooler, config};
    if (!wait_until(is_ready_or_ended, &starting, patience_ms()) || pooler->process.pid == 0) {
        FAIL("the daemon does not accept on all its sockets");
    }
    return pooler;
}

struct daemon *daemon_start_redis(const char *url, const char *settings)
{
    struct bytes config = {0};
    bytes_printf(&config, "[REDIS]\nurl = {url}\n%s", settings);
    case_defer(free, config.data);
    return daemon_start(url, config.data);
}

void daemon_stop(struct daemon *pooler)
{
    if (pooler->runtime_dir != NULL) {
        end(pooler);
    }
}

/* A configuration being read again: what the log says from here on. */
struct reloading {
    const struct daemon *pooler;
    long from;
    bool is_in_use;
};

static long log_len(const struct daemon *pooler)
{
    struct stat status;
    return stat(pooler->log_path, &status) == 0 ? (long)status.st_size : 0;
}

static bool has_reloaded(void *context)
{
    struct reloading *it = context;
    char line[1024] = "";
    bool is_done = false;
    FILE *log = fopen(it->pooler->log_path, "r");
    EXPECT(log != NULL && fseek(log, it->from, SEEK_SET) == 0);
    while (!is_done && fgets(line, sizeof line, log) != NULL && strchr(line, '\n') != NULL) {
        it->is_in_use = strstr(line, "configuration: in use") != NULL;
        is_done = it->is_in_use || strstr(line, "configuration: not changed") != NULL;
    }
    fclose(log);
    return is_done;
}

bool daemon_reload(struct daemon *pooler, const char *config)
{
    struct reloading reloading = {pooler, log_len(pooler), false};
    write_config(pooler, pooler->server_url, config);
    process_signal(&pooler->process, SIGHUP);
    if (!wait_until(has_reloaded, &reloading, patience_ms())) {
        FAIL("the daemon does not say what became of its configuration");
    }
    return reloading.is_in_use;
}

int64_t daemon_shows(const struct daemon *pooler, const char *topic, const char *field)
{
    struct client *admin = daemon_client(pooler, "admin");
    int64_t number = field_number(client_call(admin, "SHOW %s", topic)->data, field);
    client_close(admin);
    return number;
}

int64_t daemon_descriptors(const struct daemon *pooler)
{
    char path[64];
    int64_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pooler->process.pid);
    DIR *directory = opendir(path);
    EXPECT(directory != NULL);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count - 2;
}

void daemon_restart(struct daemon *pooler)
{
    daemon_restart_at(pooler, "[REDIS]");
}

void daemon_restart_at(struct daemon *pooler, const char *sections)
{
    struct starting starting = {pooler, sections};
    daemon_launch(pooler);
    if (!wait_until(is_ready_or_ended, &starting, patience_ms()) || pooler->process.pid == 0) {
        FAIL("the daemon does not start again");
    }
}

struct client *daemon_client(const struct daemon *pooler, const char *prefix)
{
    return client_connect(daemon_address(pooler, prefix));
}

struct client *daemon_client3(const struct daemon *pooler)
{
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL_BEGINS(client, "HELLO 3", "%7\r\n");
    return client;
}
