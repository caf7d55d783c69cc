/* The status page, page.html, as it is built into the daemon. It needs nothing from elsewhere. */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

extern const char page_html[];
size_t page_len(void);

#endif
