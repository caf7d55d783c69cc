/* SHA-1 (FIPS 180-4), the name of a script. */
#ifndef FR_MOCK_SHA1_H
#define FR_MOCK_SHA1_H

#include <stddef.h>

/* Write the digest of len bytes as 40 lower-case hexadecimal digits and a NUL. */
void frm_sha1_hex(const char *data, size_t len, char to[41]);

#endif
