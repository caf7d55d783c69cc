/* page.html, put into the program by the assembler. */
#include "daemon/page.h"

#include <string.h>

__asm__(".section .rodata\n"
        ".global page_html\n"
        ".hidden page_html\n"
        "page_html:\n"
        ".incbin \"daemon/page.html\"\n"
        ".byte 0\n"
        ".previous\n");

size_t page_len(void)
{
    return strlen(page_html);
}
