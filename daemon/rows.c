/* Rows of named fields as RESP. See rows.h. */
#include "daemon/rows.h"

#include <inttypes.h>
#include <string.h>

#include <event2/buffer.h>

void rows_init(struct rows *rows, int proto)
{
    *rows = (struct rows){.body = evbuffer_new(), .row = evbuffer_new(), .proto = proto};
}

void rows_finish(struct rows *rows)
{
    evbuffer_free(rows->body);
    evbuffer_free(rows->row);
    *rows = (struct rows){0};
}

void rows_bulk(struct evbuffer *to, const char *text)
{
    evbuffer_add_printf(to, "$%zu\r\n", strlen(text));
    evbuffer_add(to, text, strlen(text));
    evbuffer_add(to, "\r\n", 2);
}

void rows_begin(struct rows *rows)
{
    rows->fields = 0;
}

static void begin_field(struct rows *rows, const char *name)
{
    rows->fields++;
    rows_bulk(rows->row, name);
}

void rows_text(struct rows *rows, const char *name, const char *value)
{
    begin_field(rows, name);
    if (value == NULL) {
        evbuffer_add_printf(rows->row, rows->proto == 3 ? "_\r\n" : "$-1\r\n");
    } else {
        rows_bulk(rows->row, value);
    }
}

void rows_number(struct rows *rows, const char *name, int64_t value)
{
    begin_field(rows, name);
    evbuffer_add_printf(rows->row, ":%" PRId64 "\r\n", value);
}

void rows_decimal(struct rows *rows, const char *name, double value)
{
    char text[64];
    begin_field(rows, name);
    evutil_snprintf(text, sizeof text, "%.3f", value);
    if (rows->proto == 3) {
        evbuffer_add_printf(rows->row, ",%s\r\n", text);
    } else {
        rows_bulk(rows->row, text);
    }
}

void rows_take(struct rows *rows, struct evbuffer *to)
{
    unsigned values = rows->proto == 3 ? rows->fields : rows->fields * 2;
    evbuffer_add_printf(to, "%c%u\r\n", rows->proto == 3 ? '%' : '*', values);
    evbuffer_add_buffer(to, rows->row);
}

void rows_put(struct rows *rows, struct evbuffer *from)
{
    evbuffer_add_buffer(rows->body, from);
    rows->count++;
}

void rows_end(struct rows *rows)
{
    rows_take(rows, rows->body);
    rows->count++;
}

void rows_deliver(struct rows *rows, struct evbuffer *to)
{
    evbuffer_add_printf(to, "*%u\r\n", rows->count);
    evbuffer_add_buffer(to, rows->body);
}
