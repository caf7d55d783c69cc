/* A growable run of bytes for tests, and how such bytes are shown to a person. Running out of
 * memory aborts: a test has nothing better to do. */
#ifndef TESTS_SUPPORT_BYTES_H
#define TESTS_SUPPORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is empty. data is NUL-terminated behind len as soon as anything was added. */
struct bytes {
    char *data;
    size_t len;
    size_t cap;
};

void bytes_add(struct bytes *to, const void *data, size_t len);
void bytes_add_text(struct bytes *to, const char *text);
void bytes_printf(struct bytes *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append one request: the words of line as an array of bulk strings. Words are separated by blanks;
 * "..." and '...' hold words with blanks, "" is an empty word. There are no escapes. */
void bytes_add_request(struct bytes *to, const char *line);

/* Append the requests of a script: lines as above with a semicolon between them. */
void bytes_add_script(struct bytes *to, const char *script);

/* Take the next line of a script: the length of the line that begins at *line (blanks before it
 * skipped), and *next behind it. False: there is none. */
bool bytes_next_line(const char **line, size_t *len, const char **next);

/* Forget the first count bytes. */
void bytes_drop(struct bytes *from, size_t count);

/* Free; all zero afterwards. */
void bytes_finish(struct bytes *bytes);

/* Write data as a C string literal, cut after some hundred bytes around at, into to (which grows).
 * Returns to->data. */
const char *bytes_show(struct bytes *to, const void *data, size_t len, size_t at);

/* Replace the number of every "id" field of a HELLO reply by '#': ids differ between connections.
 */
void bytes_mask_ids(struct bytes *bytes);

#endif
