/* Any text as a URL: no crash, no leak, and what was read can be shown, which reads again. */
#include "common/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void check_fields(const struct fr_url *url)
{
    bool has_host = url->host && url->host[0];
    bool is_tcp = url->scheme == FR_URL_TCP || url->scheme == FR_URL_TLS;
    check(is_tcp ? has_host && url->port : url->port == 0);
    check(url->scheme != FR_URL_UNIX || (url->path && url->path[0] == '/'));
    check(url->scheme != FR_URL_MOCK || !url->host || has_host);
    check(!url->user || url->password);
    check(url->db >= 0 && url->command_ms >= -1 && url->connect_ms >= -1);
    check(url->heartbeat_ms >= -1);
}

/* A shown URL holds the raw path or zone, so only one without escapes and marks reads again. */
static void check_shown(const struct fr_url *url)
{
    struct fr_url again;
    char shown[512], error[256];
    fr_url_show(url, shown, sizeof(shown));
    if (strpbrk(shown, "%?# ")) {
        return;
    }
    check(fr_url_parse(shown, &again, error, sizeof(error)));
    check(!again.user && !again.password && again.port == url->port);
    fr_url_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    check(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';

    struct fr_url url;
    char error[256] = "";
    if (fr_url_parse(text, &url, error, sizeof(error))) {
        check_fields(&url);
        check_shown(&url);
        fr_url_finish(&url);
    } else {
        check(error[0] != '\0' && !url.password);
    }
    free(text);
    return 0;
}
