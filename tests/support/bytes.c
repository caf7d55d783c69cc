/* Growable bytes: one allocation each, doubled when full. */
#include "tests/support/bytes.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_BEFORE = 80,
    SHOWN = 400
};

static void reserve(struct bytes *bytes, size_t more)
{
    size_t need = bytes->len + more + 1;
    if (need <= bytes->cap) {
        return;
    }
    size_t cap = bytes->cap * 2 > need ? bytes->cap * 2 : need;
    bytes->data = realloc(bytes->data, cap);
    if (bytes->data == NULL) {
        abort();
    }
    bytes->cap = cap;
}

void bytes_add(struct bytes *to, const void *data, size_t len)
{
    reserve(to, len);
    if (len > 0) {
        memcpy(to->data + to->len, data, len);
    }
    to->len += len;
    to->data[to->len] = '\0';
}

void bytes_add_text(struct bytes *to, const char *text)
{
    bytes_add(to, text, strlen(text));
}

void bytes_printf(struct bytes *to, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        abort();
    }
    reserve(to, (size_t)len);
    vsnprintf(to->data + to->len, (size_t)len + 1, format, again);
    va_end(again);
    to->len += (size_t)len;
}

/* The word at *at: where it begins, its length; *at moves behind it. False at the end of the line.
 */
static bool next_word(const char **at, const char **word, size_t *len)
{
    *at += strspn(*at, " ");
    if (**at == '\0') {
        return false;
    }
    char quote = **at == '"' || **at == '\'' ? **at : ' ';
    *word = quote == ' ' ? *at : *at + 1;
    const char *end = strchr(*word, quote);
    *len = end == NULL ? strlen(*word) : (size_t)(end - *word);
    *at = *word + *len + (end != NULL && quote != ' ' ? 1 : 0);
    return true;
}

void bytes_add_request(struct bytes *to, const char *line)
{
    struct bytes words = {0};
    const char *at = line, *word = NULL;
    size_t len = 0, count = 0;
    while (next_word(&at, &word, &len)) {
        bytes_printf(&words, "$%zu\r\n", len);
        bytes_add(&words, word, len);
        bytes_add_text(&words, "\r\n");
        count++;
    }
    bytes_printf(to, "*%zu\r\n", count);
    bytes_add(to, words.data, words.len);
    bytes_finish(&words);
}

bool bytes_next_line(const char **line, size_t *len, const char **next)
{
    *line = *next + strspn(*next, " ");
    const char *end = *line;
    char quote = '\0';
    for (; *end != '\0' && (quote != '\0' || *end != ';'); end++) {
        if (quote == '\0' && (*end == '"' || *end == '\'')) {
            quote = *end;
        } else if (*end == quote) {
            quote = '\0';
        }
    }
    *len = (size_t)(end - *line);
    *next = *end == ';' ? end + 1 : end;
    return *len > 0;
}

void bytes_add_script(struct bytes *to, const char *script)
{
    const char *line = NULL;
    size_t len = 0;
    while (bytes_next_line(&line, &len, &script)) {
        char *copy = strndup(line, len);
        bytes_add_request(to, copy);
        free(copy);
    }
}

void bytes_drop(struct bytes *from, size_t count)
{
    if (count == 0) {
        return;
    }
    memmove(from->data, from->data + count, from->len - count);
    from->len -= count;
    from->data[from->len] = '\0';
}

void bytes_finish(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

static void show_byte(struct bytes *to, unsigned char byte)
{
    static const char *const names[] = {
        ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t", ['"'] = "\\\"", ['\\'] = "\\\\"};
    if (byte < sizeof(names) / sizeof(names[0]) && names[byte] != NULL) {
        bytes_add_text(to, names[byte]);
    } else if (isprint(byte)) {
        bytes_add(to, &byte, 1);
    } else {
        bytes_printf(to, "\\x%02x", byte);
    }
}

const char *bytes_show(struct bytes *to, const void *data, size_t len, size_t at)
{
    size_t from = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0;
    size_t end = len - from > SHOWN ? from + SHOWN : len;
    bytes_add_text(to, from > 0 ? "...\"" : "\"");
    for (size_t i = from; i < end; i++) {
        show_byte(to, ((const unsigned char *)data)[i]);
    }
    bytes_add_text(to, end < len ? "\"..." : "\"");
    bytes_printf(to, " (%zu bytes)", len);
    return to->data;
}

void bytes_mask_ids(struct bytes *bytes)
{
    static const char field[] = "$2\r\nid\r\n:";
    struct bytes masked = {0};
    size_t i = 0;
    while (i < bytes->len) {
        size_t left = bytes->len - i;
        if (left > sizeof(field) - 1 && memcmp(bytes->data + i, field, sizeof(field) - 1) == 0) {
            bytes_printf(&masked, "%s#", field);
            i += sizeof(field) - 1;
            i += strspn(bytes->data + i, "0123456789");
            continue;
        }
        bytes_add(&masked, bytes->data + i, 1);
        i++;
    }
    bytes_finish(bytes);
    *bytes = masked;
}
