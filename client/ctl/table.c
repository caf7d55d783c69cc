/* Rows for people and for programs. */
#include "client/ctl/ctl.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define COLUMNS_MOST 64
#define CELL_CAP 256

void ctl_print(const struct ctl *ctl, enum ctl_color color, const char *format, ...)
{
    static const char *const codes[] = {
        [CTL_PLAIN] = "",         [CTL_GREEN] = "\033[32m", [CTL_YELLOW] = "\033[33m",
        [CTL_RED] = "\033[1;31m", [CTL_BOLD] = "\033[1m",   [CTL_DIM] = "\033[2m",
    };
    bool is_colored = ctl->is_colored && color != CTL_PLAIN;
    va_list arguments;
    fputs(is_colored ? codes[color] : "", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fputs(is_colored ? "\033[0m" : "", stdout);
}

const char *ctl_bytes(long long bytes, char *to, size_t cap)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(to, cap, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return to;
}

const char *ctl_duration(long long seconds, char *to, size_t cap)
{
    static const struct {
        long long seconds;
        const char *large, *small;
        long long part;
    } units[] = {{86400, "d", "h", 3600}, {3600, "h", "min", 60}, {60, "min", "s", 1}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (seconds >= units[i].seconds) {
            snprintf(to, cap, "%lld %s %lld %s", seconds / units[i].seconds, units[i].large,
                     seconds % units[i].seconds / units[i].part, units[i].small);
            return to;
        }
    }
    snprintf(to, cap, "%lld s", seconds);
    return to;
}

/* ------------------------------------------------------------------------------------------ JSON
 */

void ctl_print_json_text(const char *text, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\') {
            printf("\\%c", byte);
        } else if (byte < ' ' || byte == 0x7f) {
            printf("\\u%04x", byte);
        } else {
            putchar(byte);
        }
    }
    putchar('"');
}

/* A decimal comes as text in RESP2; it is one where it reads as one. */
static bool is_decimal(const redisReply *value)
{
    const char *point = memchr(value->str, '.', value->len);
    return point != NULL && point != value->str && point[1] != '\0' &&
           strspn(value->str, "0123456789.") == value->len && strchr(point + 1, '.') == NULL;
}

static void print_json_value(const redisReply *value)
{
    if (value->type == REDIS_REPLY_INTEGER) {
        printf("%lld", value->integer);
    } else if (value->type == REDIS_REPLY_STRING && is_decimal(value)) {
        fputs(value->str, stdout);
    } else if (value->type == REDIS_REPLY_STRING || value->type == REDIS_REPLY_STATUS) {
        ctl_print_json_text(value->str, value->len);
    } else {
        fputs("null", stdout);
    }
}

void ctl_print_json_row(const redisReply *row)
{
    putchar('{');
    for (size_t i = 0; i + 1 < row->elements; i += 2) {
        fputs(i == 0 ? "" : ", ", stdout);
        ctl_print_json_text(row->element[i]->str, row->element[i]->len);
        fputs(": ", stdout);
        print_json_value(row->element[i + 1]);
    }
    putchar('}');
}

void ctl_print_json(const redisReply *rows)
{
    putchar('[');
    for (size_t i = 0; i < rows->elements; i++) {
        fputs(i == 0 ? "\n  " : ",\n  ", stdout);
        ctl_print_json_row(rows->element[i]);
    }
    fputs(rows->elements > 0 ? "\n]" : "]", stdout);
}

/* ------------------------------------------------------------------------------------------ table
 */

struct columns {
    size_t count;
    const char *names[COLUMNS_MOST];
    size_t widths[COLUMNS_MOST];
    bool is_number[COLUMNS_MOST];
};

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What comes from clients (names, commands) must not steer the terminal. */
static const char *cell(const redisReply *row, const char *name, char *to)
{
    const redisReply *field = ctl_field(row, name);
    to[0] = '\0';
    if (field == NULL || field->type == REDIS_REPLY_NIL) {
        snprintf(to, CELL_CAP, "-");
    } else if (field->type == REDIS_REPLY_INTEGER && ends_with(name, "bytes")) {
        ctl_bytes(field->integer, to, CELL_CAP);
    } else if (field->type == REDIS_REPLY_INTEGER) {
        snprintf(to, CELL_CAP, "%lld", field->integer);
    } else if (field->str != NULL) {
        snprintf(to, CELL_CAP, "%s", field->str);
    }
    for (char *at = to; *at != '\0'; at++) {
        *at = iscntrl((unsigned char)*at) ? '?' : *at;
    }
    return to;
}

static void choose(struct columns *columns, const redisReply *row, const char *const *wanted)
{
    for (size_t i = 0; columns->count < COLUMNS_MOST; i++) {
        const char *name = NULL;
        if (wanted != NULL) {
            name = wanted[i];
        } else if (i * 2 + 1 < row->elements) {
            name = row->element[i * 2]->str;
        }
        if (name == NULL) {
            return;
        }
        const redisReply *field = ctl_field(row, name);
        columns->is_number[columns->count] =
            field != NULL && (field->type == REDIS_REPLY_INTEGER ||
                              (field->type == REDIS_REPLY_STRING && is_decimal(field)));
        columns->widths[columns->count] = strlen(name);
        columns->names[columns->count++] = name;
    }
}

static void measure(struct columns *columns, const redisReply *rows)
{
    char text[CELL_CAP];
    for (size_t i = 0; i < rows->elements; i++) {
        for (size_t c = 0; c < columns->count; c++) {
            size_t width = strlen(cell(rows->element[i], columns->names[c], text));
            columns->widths[c] = width > columns->widths[c] ? width : columns->widths[c];
        }
    }
}

static void print_heading(const struct ctl *ctl, const struct columns *columns)
{
    char heading[CELL_CAP];
    for (size_t c = 0; c < columns->count; c++) {
        size_t len = strlen(columns->names[c]);
        for (size_t i = 0; i <= len && i < CELL_CAP; i++) {
            heading[i] = (char)toupper((unsigned char)columns->names[c][i]);
        }
        int width = (int)columns->widths[c];
        ctl_print(ctl, CTL_BOLD, "%s%*s", c == 0 ? "" : "  ",
                  columns->is_number[c] ? width : -width, heading);
    }
    putchar('\n');
}

void ctl_print_table(const struct ctl *ctl, const redisReply *rows, const char *const *columns)
{
    struct columns table = {0};
    char text[CELL_CAP];
    if (rows->elements == 0) {
        return;
    }
    choose(&table, rows->element[0], columns);
    measure(&table, rows);
    print_heading(ctl, &table);
    for (size_t i = 0; i < rows->elements; i++) {
        for (size_t c = 0; c < table.count; c++) {
            int width = (int)table.widths[c];
            bool is_last = c + 1 == table.count && !table.is_number[c];
            printf("%s%*s", c == 0 ? "" : "  ",
                   is_last              ? 0
                   : table.is_number[c] ? width
                                        : -width,
                   cell(rows->element[i], table.names[c], text));
        }
        putchar('\n');
    }
}
