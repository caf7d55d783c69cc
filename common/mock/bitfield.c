/* BITFIELD and BITFIELD_RO: integers of 1 to 64 bits anywhere in a string. */
#include "common/mock/bits.h"
#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/strings.h"

/* The highest number of so many bits, 0 to 64. */
static uint64_t most_of(unsigned bits)
{
    return bits == 0 ? 0 : UINT64_MAX >> (64 - (bits & 63)) % 64;
}

enum overflow {
    WRAP,
    SATURATE,
    FAIL
};

enum field_action {
    FIELD_GET,
    FIELD_SET,
    FIELD_INCRBY
};

struct field {
    enum field_action action;
    enum overflow overflow;
    bool is_signed;
    unsigned width;
    uint64_t offset;
    int64_t operand;
};

static bool read_type(struct call *c, size_t i, struct field *field)
{
    const struct fr_word *word = &c->argv[i];
    struct fr_word digits = {word->data + 1, word->len ? word->len - 1 : 0};
    int64_t width;
    char kind = word->len ? word->data[0] : '\0';
    if ((kind != 'i' && kind != 'u') || !frm_read_int(&digits, &width) || width < 1 ||
        width > (kind == 'i' ? 64 : 63)) {
        frm_error(c->out, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is "
                          "not supported but i64 is.");
        return false;
    }
    field->is_signed = kind == 'i';
    field->width = (unsigned)width;
    return true;
}

static bool read_overflow(struct call *c, size_t i, enum overflow *overflow)
{
    static const char *const names[] = {"wrap", "sat", "fail"};
    for (unsigned o = 0; o < 3; o++) {
        if (frm_arg_is(c, i, names[o])) {
            *overflow = (enum overflow)o;
            return true;
        }
    }
    frm_error(c->out, "ERR Invalid OVERFLOW type specified");
    return false;
}

static bool read_field(struct call *c, size_t *at, struct field *field)
{
    static const char *const names[] = {"get", "set", "incrby"};
    size_t left = c->argc - *at - 1;
    unsigned action = 0;
    while (action < 3 && !frm_arg_is(c, *at, names[action])) {
        action++;
    }
    if (action == 3 || left < (action == FIELD_GET ? 2 : 3)) {
        frm_error_syntax(c->out);
        return false;
    }
    field->action = (enum field_action)action;
    if (!read_type(c, *at + 1, field) ||
        !frm_arg_bit_offset(c, *at + 2, field->width, &field->offset) ||
        (action != FIELD_GET && !frm_arg_int(c, *at + 3, &field->operand, NULL))) {
        return false;
    }
    *at += action == FIELD_GET ? 3 : 4;
    return true;
}

/* Read all fields; returns how many, or -1 when one is wrong (answered). */
static int64_t read_fields(struct call *c, struct field *fields)
{
    int64_t count = 0;
    enum overflow overflow = WRAP;
    for (size_t at = 2; at < c->argc;) {
        if (frm_arg_is(c, at, "overflow") && at + 1 < c->argc) {
            if (!read_overflow(c, at + 1, &overflow)) {
                return -1;
            }
            at += 2;
            continue;
        }
        fields[count].overflow = overflow;
        if (!read_field(c, &at, &fields[count])) {
            return -1;
        }
        count++;
    }
    return count;
}

/* ---------------------------------------------------------------------------------------- numbers
 */

static uint64_t read_bits(const struct value *value, const struct field *field)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < field->width; i++) {
        uint64_t at = field->offset + i;
        bool is_there = value && at >> 3 < value->string->len;
        unsigned byte = is_there ? (unsigned char)value->string->data[at >> 3] : 0;
        bits = bits << 1 | (byte >> (7 - (at & 7)) & 1);
    }
    if (field->is_signed && field->width > 0 && field->width < 64 &&
        bits >> (field->width - 1) & 1) {
        bits |= UINT64_MAX << field->width;
    }
    return bits;
}

static void write_bits(struct value *value, const struct field *field, uint64_t bits)
{
    for (unsigned i = 0; i < field->width; i++) {
        uint64_t at = field->offset + i;
        unsigned mask = 1U << (7 - (at & 7));
        unsigned byte = (unsigned char)value->string->data[at >> 3];
        bool bit = bits >> (field->width - 1 - i) & 1;
        value->string->data[at >> 3] = (char)(bit ? byte | mask : byte & ~mask);
    }
}

/* Keep the lowest bits, as a number of the field's kind. */
static uint64_t wrapped(const struct field *field, uint64_t bits)
{
    if (field->width == 64) {
        return bits;
    }
    uint64_t mask = UINT64_MAX << field->width;
    bool is_negative = field->is_signed && (bits >> (field->width - 1) & 1);
    return is_negative ? bits | mask : bits & ~mask;
}

/* Which border a sum crosses: 1 the upper, -1 the lower, 0 none. Redis' own arithmetic (bitops.c,
 * checkSignedBitfieldOverflow, 7.0), which takes what is far below for too much. */
static int signed_crossing(unsigned width, int64_t base, int64_t by)
{
    int64_t most = (int64_t)most_of(width - 1), least = -most - 1;
    int64_t room_above = (int64_t)((uint64_t)most - (uint64_t)base);
    int64_t room_below = (int64_t)((uint64_t)least - (uint64_t)base);
    if (base > most || (width != 64 && by > room_above) ||
        (base >= 0 && by > 0 && by > room_above)) {
        return 1;
    }
    bool is_below =
        base < least || (width != 64 && by < room_below) || (base < 0 && by < 0 && by < room_below);
    return is_below ? -1 : 0;
}

static int unsigned_crossing(unsigned width, uint64_t base, int64_t by)
{
    uint64_t most = most_of(width);
    if (base > most || (by > 0 && by > (int64_t)(most - base))) {
        return 1;
    }
    return by < 0 && by < (int64_t)(0 - base) ? -1 : 0;
}

/* Add; returns whether the sum leaves the field, and then what the overflow rule makes of it. */
static bool add(const struct field *field, uint64_t base, int64_t by, uint64_t *sum)
{
    int crossing = field->is_signed ? signed_crossing(field->width, (int64_t)base, by)
                                    : unsigned_crossing(field->width, base, by);
    *sum = base + (uint64_t)by;
    if (crossing == 0) {
        return false;
    }
    if (field->overflow != SATURATE) {
        *sum = wrapped(field, *sum);
    } else if (field->is_signed) {
        uint64_t most = most_of(field->width - 1);
        *sum = crossing > 0 ? most : ~most;
    } else {
        *sum = crossing > 0 ? most_of(field->width) : 0;
    }
    return true;
}

static void run_field(struct call *c, struct value *value, const struct field *field)
{
    uint64_t old = read_bits(value, field);
    uint64_t now = old;
    if (field->action == FIELD_GET) {
        frm_int(c->out, (int64_t)old);
        return;
    }
    bool is_set = field->action == FIELD_SET;
    bool overflows = is_set ? add(field, (uint64_t)field->operand, 0, &now)
                            : add(field, old, field->operand, &now);
    if (overflows && field->overflow == FAIL) {
        frm_null(c->out);
        return;
    }
    frm_int(c->out, (int64_t)(is_set ? old : now));
    write_bits(value, field, now);
}

/* ---------------------------------------------------------------------------------------- commands
 */

/* The bytes the string must have for what is written; 0 when nothing is. */
static size_t bytes_written(const struct field *fields, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t end = (fields[i].offset + fields[i].width - 1) / 8 + 1;
        bytes = fields[i].action != FIELD_GET && end > bytes ? end : bytes;
    }
    return (size_t)bytes;
}

static void run_fields(struct call *c, const struct field *fields, size_t count, bool may_write)
{
    struct value *value;
    size_t bytes = bytes_written(fields, count);
    if (bytes > 0 && !may_write) {
        frm_error(c->out, "ERR BITFIELD_RO only supports the GET subcommand");
        return;
    }
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    if (bytes > 0) {
        if ((!value || value->string->len < bytes) &&
            !frm_string_may_be(c, value, (int64_t)bytes)) {
            return;
        }
        value = frm_string_grow(c, &c->argv[1], value, bytes);
    }
    frm_array(c->out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        run_field(c, value, &fields[i]);
    }
    if (bytes > 0) {
        frm_touch(c->db, &c->argv[1]);
    }
}

static void bitfield(struct call *c, bool may_write)
{
    struct field *fields = frm_zalloc(&c->mock->heap, c->argc * sizeof(*fields));
    int64_t count = read_fields(c, fields);
    if (count >= 0) {
        run_fields(c, fields, (size_t)count, may_write);
    }
    frm_free(fields);
}

void frm_cmd_bitfield(struct call *c)
{
    bitfield(c, true);
}

void frm_cmd_bitfield_ro(struct call *c)
{
    bitfield(c, false);
}
