/* Writing a URL as others read it. See url.h. */
#include "common/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An encoded byte is three; the rest is scheme, port, database and what stands between. */
static size_t room_for(const char *text)
{
    return text ? 3 * strlen(text) : 0;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c));
}

static char *add_encoded(char *to, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; text && *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (is_plain(*text)) {
            *to++ = *text;
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    return to;
}

char *fr_url_write_server(const struct fr_url *url)
{
    enum {
        OTHERS_CAP = 64
    };
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    size_t cap = OTHERS_CAP + strlen(url->host) + room_for(url->user) + room_for(url->password);
    char *text = malloc(cap);
    if (!text) {
        return NULL;
    }
    char *to = stpcpy(text, url->scheme == FR_URL_TLS ? "rediss://" : "redis://");
    to = add_encoded(to, url->user);
    if (url->password) {
        *to++ = ':';
        to = add_encoded(to, url->password);
    }
    if (url->user || url->password) {
        *to++ = '@';
    }
    to += sprintf(to, "%s%s%s:%u", is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "",
                  (unsigned)url->port);
    sprintf(to, "/%lld", (long long)url->db);
    return text;
}
