/* Interned user-and-password pairs. See identity.h. */
#include "daemon/identity.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

static int same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *copy(const char *text)
{
    return text == NULL ? NULL : memory_text(text, strlen(text));
}

const struct identity *identity_intern(struct identity **list, const char *user,
                                       const char *password)
{
    for (struct identity *it = *list; it != NULL; it = it->next) {
        if (same(it->user, user) && same(it->password, password)) {
            it->users++;
            return it;
        }
    }
    struct identity *added = memory_alloc(sizeof *added);
    *added = (struct identity){
        .next = *list, .users = 1, .user = copy(user), .password = copy(password)};
    *list = added;
    return added;
}

const struct identity *identity_hold(const struct identity *identity)
{
    ((struct identity *)(uintptr_t)identity)->users++;
    return identity;
}

static void free_identity(struct identity *identity)
{
    if (identity->password != NULL) {
        explicit_bzero(identity->password, strlen(identity->password));
    }
    free(identity->password);
    free(identity->user);
    free(identity);
}

void identity_release(struct identity **list, const struct identity *identity)
{
    for (struct identity **at = list; identity != NULL && *at != NULL; at = &(*at)->next) {
        struct identity *it = *at;
        if (it == identity) {
            if (--it->users == 0) {
                *at = it->next;
                free_identity(it);
            }
            return;
        }
    }
}

int secret_equals(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned char differs = a_len != b_len;
    for (size_t i = 0; i < a_len; i++) {
        differs |= (unsigned char)(a[i] ^ b[b_len == 0 ? 0 : i % b_len]);
    }
    return differs == 0;
}
