#!/usr/bin/env python3
"""Turn commands.tsv into the C tables of command.c.

    generate_commands.py            write command_ids.inc and command_table.inc
    generate_commands.py --check    write nothing; fail when they are not what the tsv gives

Every word of every column must be known here. A row that is only half understood would send a
command down a wrong connection, so an unknown word is an error and all errors are told at once.
"""

import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "commands.tsv"
IDS = HERE / "command_ids.inc"
TABLE = HERE / "command_table.inc"

COLUMNS = ("name arity first_key last_key step key_specs group since versions flags tips pool cond "
           "handler default replies retry cache cluster block notes").split()

# The columns that become an enumerator of command.h.
ENUMERATORS = {
    "pool": {
        "any": "FR_CLASS_ANY",
        "block": "FR_CLASS_BLOCK",
        "txn": "FR_CLASS_TXN",
        "pubsub": "FR_CLASS_PUBSUB",
        "session": "FR_CLASS_SESSION",
        "local": "FR_CLASS_LOCAL",
        "admin": "FR_CLASS_ADMIN",
    },
    "cond": {
        "-": "FR_ALWAYS",
        "BLOCK token before STREAMS": "FR_IF_BLOCK_OPTION",
        "numreplicas > 0": "FR_IF_WAITS",
        "numlocal + numreplicas > 0": "FR_IF_WAITS",
        "ON": "FR_IF_ON",
        "OFF or SKIP": "FR_IF_OFF_OR_SKIP",
        "YES or SYNC": "FR_IF_YES_OR_SYNC",
    },
    "handler": {
        "shared": "FR_HANDLER_SHARED",
        "lease": "FR_HANDLER_LEASE",
        "sticky": "FR_HANDLER_STICKY",
        "tunnel": "FR_HANDLER_TUNNEL",
        "hub": "FR_HANDLER_HUB",
        "daemon": "FR_HANDLER_DAEMON",
        "both": "FR_HANDLER_BOTH",
    },
    "default": {
        "allow": "false",
        "deny": "true",
    },
    "replies": {
        "1": "FR_REPLIES_ONE",
        "n": "FR_REPLIES_MANY",
        "0-1": "FR_REPLIES_MAYBE_ONE",
        "0-n": "FR_REPLIES_MAYBE_MANY",
        "stream": "FR_REPLIES_STREAM",
        "1+close": "FR_REPLIES_ONE_CLOSE",
        "1+mode": "FR_REPLIES_ONE_MODE",
    },
    "retry": {
        "never": "FR_RETRY_NEVER",
        "unsent": "FR_RETRY_UNSENT",
        "safe": "FR_RETRY_SAFE",
        "safe-unblocked": "FR_RETRY_SAFE_UNBLOCKED",
    },
    "cache": {
        "none": "FR_CACHE_NONE",
        "fill": "FR_CACHE_FILL",
        "fill-later": "FR_CACHE_FILL_LATER",
        "keys": "FR_CACHE_KEYS",
        "keys+fence": "FR_CACHE_KEYS_FENCE",
        "queued": "FR_CACHE_QUEUED",
        "flush": "FR_CACHE_FLUSH",
    },
    "block": {
        "ok": "FR_BLOCK_OK",
        "lease": "FR_BLOCK_LEASE",
        "end": "FR_BLOCK_END",
    },
}

# The field of struct fr_command that holds each of these columns.
FIELDS = {"pool": "class", "handler": "handler", "cond": "condition", "replies": "replies",
          "retry": "retry", "cache": "cache", "block": "block", "default": "denied"}

# Redis' flags: those a pooler acts on become bits, the others are known and need none.
FLAG_BITS = {"write": "FR_FLAG_WRITE", "readonly": "FR_FLAG_READONLY",
             "blocking": "FR_FLAG_BLOCKING", "movablekeys": "FR_FLAG_MOVABLEKEYS"}
FLAGS = set(FLAG_BITS) | set(
    "admin allow_busy asking denyoom experimental fast loading may_replicate no_async_loading "
    "module no_auth no_mandatory_keys no_multi noscript only_sentinel protected pubsub sentinel "
    "skip_monitor skip_slowlog stale touches_arbitrary_keys".split())

# The columns with words of their own that C takes as text or not at all.
WORDS = {
    "group": set("bitmap cluster connection generic geo hash hyperloglog list module pubsub "
                 "scripting sentinel server set sorted_set stream string transactions".split()),
    "cluster": set("slot split-order split-sum split-ok all-ok all-sum all-min all-and all-one "
                   "all-first all-concat one random scan first-key leased daemon refused".split()),
}
LISTS = {
    "flags": FLAGS,
    "versions": {"all", "none", "7.0.15", "7.2.6", "7.4.1", "dev-2024-10-18", "8.0.2"},
    "tips": {"nondeterministic_output", "nondeterministic_output_order"}
            | {"request_policy:" + word for word in
               "all_nodes all_shards multi_shard special".split()}
            | {"response_policy:" + word for word in
               "one_succeeded all_succeeded agg_logical_and agg_min agg_sum special".split()},
}
KEY_FLAGS = set("ro rw ow rm access update insert delete not_key incomplete "
                "variable_flags".split())

NUMBERS = ("arity", "first_key", "last_key", "step")
PATTERNS = {
    "name": re.compile(r"[a-z][a-z_-]*(\|[a-z][a-z-]*)?"),
    "since": re.compile(r"\d+\.\d+\.\d+|-"),
    "notes": re.compile(r"[ -~]+"),
}
KEY_BEGIN = re.compile(r"i\d+|k[A-Z]+,-?\d+|\?")
KEY_FIND = re.compile(r"r-?\d+,\d+,\d+|n\d+,\d+,\d+|\?")


def flags_of(row):
    return set(row["flags"].split(","))


# What must hold between columns, as (broken, message).
RULES = [
    (lambda row: row["handler"] == "shared" and row["replies"] != "1",
     "a shared connection takes only what has exactly one reply"),
    (lambda row: row["block"] == "ok" and row["replies"] != "1",
     "only what has exactly one reply may stand in a block"),
    (lambda row: {"write", "readonly"} <= flags_of(row),
     "a command is not both write and readonly"),
    (lambda row: row["retry"].startswith("safe") and "write" in flags_of(row),
     "a write is not safe to send again"),
    (lambda row: row["cache"].startswith("fill") and "readonly" not in flags_of(row),
     "only a readonly command may fill the near cache"),
    (lambda row: "write" in flags_of(row)
     and row["cache"] not in ("keys", "keys+fence", "flush"),
     "a write must say what it does to the near cache"),
    (lambda row: len({row[column] == "0" for column in NUMBERS[1:]}) > 1,
     "first_key, last_key and step are all 0 or none is"),
    (lambda row: row["arity"] == "0", "arity counts the name: it is never 0"),
]


# Reading ------------------------------------------------------------------------------------------


def known(words, allowed):
    return [f'unknown word "{word}"' for word in words if word not in allowed]


def key_spec_errors(cell):
    if cell == "-":
        return []
    errors = []
    for spec in cell.split(" "):
        parts = spec.split("|")
        if len(parts) != 3 or not KEY_BEGIN.fullmatch(parts[1]) or not KEY_FIND.fullmatch(parts[2]):
            errors.append(f'"{spec}" is not flags|begin|find')
        errors += known(parts[0].split(","), KEY_FLAGS)
    return errors


def cell_errors(column, cell):
    """What is wrong with one cell alone."""
    if column == "key_specs":
        return key_spec_errors(cell)
    if column in ENUMERATORS:
        return known([cell], ENUMERATORS[column])
    if column in WORDS:
        return known([cell], WORDS[column])
    if column in LISTS:
        return [] if cell == "-" and column != "versions" else known(cell.split(","), LISTS[column])
    if column in NUMBERS:
        return [] if re.fullmatch(r"-?\d{1,2}", cell) else [f'"{cell}" is not a small number']
    return [] if PATTERNS[column].fullmatch(cell) else [f'"{cell}" is malformed']


def row_errors(row):
    errors = [f"{column}: {error}" for column in COLUMNS
              for error in cell_errors(column, row[column])]
    return errors or [message for broken, message in RULES if broken(row)]


def order_errors(row, earlier):
    """Sorted names keep differences small, and put a container before its subcommands."""
    name = row["name"]
    container = name.partition("|")[0]
    errors = []
    if earlier and name <= earlier[-1]:
        errors.append(f'name: "{name}" after "{earlier[-1]}": rows are sorted and unique')
    if container != name and container not in earlier:
        errors.append(f'name: "{name}" has no row "{container}"')
    return errors


def identifier(name):
    return re.sub(r"[|-]", "_", name).upper()


def read(path):
    """Give the rows as dictionaries, or exit after all that is wrong was told."""
    lines = path.read_bytes().decode("ascii", errors="replace").split("\n")
    errors, rows, names = [], [], []
    if lines[0] != "#" + "\t".join(COLUMNS):
        errors.append((1, "the columns are not: " + " ".join(COLUMNS)))
    if lines.pop() != "":
        errors.append((len(lines) + 1, "the last line has no end"))
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            errors.append((number, f"{len(cells)} columns, not {len(COLUMNS)}"))
            continue
        row = dict(zip(COLUMNS, cells))
        errors += [(number, error) for error in row_errors(row) + order_errors(row, names)]
        rows.append(row)
        names.append(row["name"])
    seen = {"COUNT": "the number of rows"}
    for number, name in enumerate(names, start=2):
        other = seen.setdefault(identifier(name), name)
        if other != name:
            errors.append((number, f'name: "{name}" and {other} share one identifier'))
    complain(f"{path.name}:{number}: {error}" for number, error in errors)
    return rows


def complain(messages):
    messages = list(messages)
    for message in messages:
        print(message, file=sys.stderr)
    if messages:
        sys.exit(1)


# Hashing: the same arithmetic as hash_word() of command.c -----------------------------------------

MASK = 2**64 - 1
FOLD = 0x2020202020202020
SALT = 0x9E3779B97F4A7C15


def sample(word):
    """The first four bytes and the last four; of shorter words first, middle and last."""
    data = word.encode("ascii")
    if len(data) >= 4:
        return int.from_bytes(data[:4] + data[-4:], "little")
    return data[0] | data[len(data) // 2] << 8 | data[-1] << 16


def hash_key(key, multiplier):
    container, word = key
    seed = (sample(word) | FOLD) + (container << 8 | len(word)) * SALT
    return (seed & MASK) * multiplier & MASK


class Place:
    """Where every key goes for one multiplier, if it can: each bucket of keys is moved as a whole by
    the first displacement that puts all of them on free slots."""

    def __init__(self, keys, multiplier):
        self.slot_bits = (len(keys) * 5 // 4 - 1).bit_length()
        self.bucket_bits = self.slot_bits - 1
        self.multiplier = multiplier
        self.displacements = [0] * (1 << self.bucket_bits)
        self.slots = {}
        buckets = {}
        for number, key in enumerate(keys):
            hashed = hash_key(key, multiplier)
            base = hashed >> (64 - self.bucket_bits - self.slot_bits)
            buckets.setdefault(hashed >> (64 - self.bucket_bits), []).append((base, number))
        biggest_first = sorted(buckets.items(), key=lambda item: (-len(item[1]), item[0]))
        self.complete = all(self.place(*item) for item in biggest_first)

    def place(self, bucket, members):
        size = 1 << self.slot_bits
        for displacement in range(size):
            wanted = {(base + displacement) % size: number for base, number in members}
            if len(wanted) == len(members) and not self.slots.keys() & wanted.keys():
                self.displacements[bucket] = displacement
                self.slots.update(wanted)
                return True
        return False


def find_places(keys):
    alike = {}
    for key in keys:
        alike.setdefault((key[0], len(key[1]), sample(key[1])), []).append(key[1])
    complain(f"the hash cannot tell {words}: let sample() read more, here and in command.c"
             for words in alike.values() if len(words) > 1)
    for attempt in range(1, 2000):
        places = Place(keys, SALT * (2 * attempt + 1) & MASK)
        if places.complete:
            return places
    return complain(["no perfect hash found: raise slot_bits"])


# Writing ------------------------------------------------------------------------------------------

BANNER = ("/* Generated by common/generate_commands.py from common/commands.tsv: do not edit. */\n"
          "// clang-format off\n")
FOOTER = "// clang-format on\n"


def text(cell):
    if cell == "-":
        return "NULL"
    escaped = cell.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?")
    return f'"{escaped}"'


def flag_bits(row, containers):
    bits = [bit for flag, bit in FLAG_BITS.items() if flag in flags_of(row)]
    if row["name"] in containers:
        bits.append("FR_FLAG_CONTAINER")
    return " | ".join(bits) or "0"


def table_row(row, containers):
    name = "FR_CMD_" + identifier(row["name"])
    facts = [f'.name = "{row["name"]}"', f".id = {name}"]
    facts += [f".{column} = {row[column]}" for column in NUMBERS]
    facts.append(f".flags = {flag_bits(row, containers)}")
    policy = [f".{field} = {ENUMERATORS[column][row[column]]}" for column, field in FIELDS.items()]
    texts = [f".{column} = {text(row[column])}" for column in ("key_specs", "cluster", "notes")]
    lines = ",\n     ".join(", ".join(part) for part in (facts, policy, texts))
    return f"    [{name}] =\n    {{{lines}}},\n"


def slot_row(slot, row):
    container, _, word = row["name"].rpartition("|")
    holder = "FR_CMD_" + (identifier(container) if container else "COUNT")
    at = len(row["name"]) - len(word)
    fields = f"FR_CMD_{identifier(row['name'])}, {holder}, {at}, {len(word)}"
    return f"    [{slot}] = {{{sample(word):#x}, {fields}}},\n"


def keys_of(rows):
    """A word and the number of the row it stands under; the number after the last for none."""
    numbers = {row["name"]: number for number, row in enumerate(rows)}
    keys = []
    for row in rows:
        container, _, word = row["name"].rpartition("|")
        keys.append((numbers.get(container, len(rows)), word))
    return keys


def ids_file(rows):
    lines = [f"FR_COMMAND_ID({identifier(row['name'])})\n" for row in rows]
    return BANNER + "".join(lines) + FOOTER


def table_file(rows):
    containers = {row["name"].partition("|")[0] for row in rows if "|" in row["name"]}
    places = find_places(keys_of(rows))
    numbers = [f"{number}, " for number in places.displacements]
    lines = ["".join(numbers[at:at + 16]).rstrip() for at in range(0, len(numbers), 16)]
    parts = [
        BANNER,
        "const struct fr_command fr_commands[FR_CMD_COUNT] = {\n",
        *(table_row(row, containers) for row in rows),
        "};\n\n",
        f"enum {{ BUCKET_BITS = {places.bucket_bits}, SLOT_BITS = {places.slot_bits} }};\n\n",
        f"#define HASH_SALT UINT64_C({SALT:#x})\n",
        f"#define HASH_MULTIPLIER UINT64_C({places.multiplier:#x})\n\n",
        "static const uint16_t displacements[1 << BUCKET_BITS] = {\n",
        *(f"    {line}\n" for line in lines),
        "};\n\n",
        "static const struct slot slots[1 << SLOT_BITS] = {\n",
        *(slot_row(slot, rows[number]) for slot, number in sorted(places.slots.items())),
        "};\n",
        FOOTER,
    ]
    return "".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    rows = read(SOURCE)
    files = {IDS: ids_file(rows), TABLE: table_file(rows)}
    if not check:
        for path, content in files.items():
            path.write_text(content, encoding="ascii")
        return
    complain(f"{path.name}: not what commands.tsv gives: run generate_commands.py"
             for path, content in files.items()
             if not path.exists() or path.read_text(encoding="ascii") != content)


if __name__ == "__main__":
    main()
