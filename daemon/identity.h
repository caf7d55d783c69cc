/* Who a connection to the server is: user and password, the same object for the same pair, so that
 * two identities are compared by address. Owned by one worker's pool. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stddef.h>

struct identity {
    struct identity *next;
    unsigned users; /* who refer to it */
    char *user;     /* NULL: the server's default user */
    char *password; /* NULL: no AUTH is sent */
};

/* Find the pair in the list, or add it. The caller refers to it until identity_release. */
const struct identity *identity_intern(struct identity **list, const char *user,
                                       const char *password);

/* Refer to it once more. */
const struct identity *identity_hold(const struct identity *identity);

/* Refer to it no more: with the last reference it is wiped and freed. NULL is fine. */
void identity_release(struct identity **list, const struct identity *identity);

/* Compare two secrets in a time that tells nothing but their lengths. */
int secret_equals(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
