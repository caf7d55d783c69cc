/* page.html, put into the program by the assembler. */
#include "daemon/page.h"

__asm__(".section .rodata\n"
        ".global page_html\n"
        ".hidden page_html\n"
        "page_html:\n"
        ".incbin \"daemon/page.html\"\n"
        ".global page_html_end\n"
        ".hidden page_html_end\n"
        "page_html_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char page_html_end[];

size_t page_len(void)
{
    return (size_t)(page_html_end - page_html);
}
