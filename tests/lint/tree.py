#!/usr/bin/env python3
"""Check what no compiler knows: directions of includes, sizes, and what must be documented.

    tests/lint/tree.py

Run from the project's root. Prints "FILE:LINE: what is wrong" for each finding and exits with 1 when
there is one.
"""
import json
import re
import sys
from pathlib import Path

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 100
SOURCE_DIRS = ["include", "common", "client", "daemon", "tests", "bench", "examples"]

# Which of the project's directories, and which libraries, each side of the house may include.
# tests/, bench/ and examples/ stand outside and may look at anything.
MAY_INCLUDE = {"include": {"include"}, "common": {"common"},
               "client": {"client", "common", "include"}, "daemon": {"daemon", "common", "include"}}
LIBRARIES = re.compile(r"^(event2?/|event\.h|evdns|evhttp|systemd/|openssl/|hiredis/|ini\.h|CUnit/)")
WITHOUT_LIBRARIES = {"include", "common"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
SETTING = re.compile(r'^(DAEMON|PREFIX)_SETTING\((\w+), (\w+), "((?:[^"\\]|\\.)*)"')

findings = []


def finding(path, line, text):
    findings.append(f"{path}:{line}: {text}")


def lines_of(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


def sources():
    for directory in SOURCE_DIRS:
        for suffix in ("*.c", "*.h", "*.def"):
            yield from sorted(Path(directory).rglob(suffix))


def includes(path):
    """(line number, quote or bracket, name) of every #include."""
    for number, line in enumerate(lines_of(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def directory_of(name):
    """The project's directory that an included name lies in, or None for a system header."""
    if name == "flaskredis.h" or name.startswith("flaskredis/"):
        return "include"
    first = name.split("/")[0]
    return first if first in SOURCE_DIRS else None


def check_directions(path):
    side = path.parts[0]
    for number, quote, name in includes(path):
        target = directory_of(name)
        if side in MAY_INCLUDE and target is not None and target not in MAY_INCLUDE[side]:
            finding(path, number, f"{side}/ must not include {name}")
        if side in WITHOUT_LIBRARIES and LIBRARIES.match(name):
            finding(path, number, f"{side}/ stands on C and POSIX only, not on {name}")
        if quote == '"' and target is None:
            finding(path, number, f'"{name}" is not written from the project\'s root')


def read_floors(path="tests/lint/floors.txt"):
    floors = {}
    for line in lines_of(path):
        words = line.split("#")[0].split()
        for name in words[1:]:
            floors[name] = int(words[0])
    return floors


def floor_of(stem, floors):
    """The floor of daemon/STEM.c: its own line's, or that of its family; None: not listed."""
    while stem not in floors and "_" in stem:
        stem = stem.rpartition("_")[0]
    return floors.get(stem)


def check_floors(path, floors):
    """An include of the daemon may go sideways or down."""
    own = floor_of(path.stem, floors)
    if own is None:
        finding(path, 1, f"{path.stem} has no floor in tests/lint/floors.txt")
        return
    for number, _, name in includes(path):
        included = Path(name)
        theirs = floor_of(included.stem, floors) if included.parts[0] == "daemon" else None
        if theirs is not None and theirs > own:
            finding(path, number, f"floor {own} includes {name} of floor {theirs}")


def check_length(path):
    count = len(lines_of(path))
    if count > FILE_LINES_MAX:
        finding(path, count, f"{count} lines; a file has at most {FILE_LINES_MAX}")


def check_functions(path):
    """clang-format puts a function's braces, and no others in a .c, alone in the first column."""
    begin = None
    for number, line in enumerate(lines_of(path), 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                finding(path, begin, f"a function of {number - begin - 1} lines; "
                                     f"at most {FUNCTION_LINES_MAX}")
            begin = None


def check_prototypes(path):
    """Every prototype of an installed header has a comment that ends on the line before it."""
    lines = lines_of(path)
    for number, line in enumerate(lines, 1):
        before = lines[number - 2].rstrip() if number > 1 else ""
        starts_here = re.match(r"^[A-Za-z_].*\b\w+\([^;]*(;|,|\)|$)", line)
        if starts_here and not line.startswith("extern \"C\"") and not before.endswith("*/"):
            finding(path, number, f"no comment directly above: {line.strip()}")


def settings():
    for number, line in enumerate(lines_of("daemon/settings.def"), 1):
        match = SETTING.match(line)
        if match:
            yield number, match.group(3), match.group(4)


def check_settings():
    """Each setting stands with its default in the sample configuration, and in the manual."""
    sample = Path("config/flaskredis.conf")
    manual = Path("packaging/man/flaskredis.conf.5")
    texts = {page: "\n".join(lines_of(page)) for page in (sample, manual) if page.exists()}
    for page in (sample, manual):
        if page not in texts:
            finding(page, 1, "is missing")
    known = set()
    for number, name, default in settings():
        known.add(name)
        if sample in texts and not re.search(rf"^[;#]?\s*{name}\s*=\s*{re.escape(default)}\s*$",
                                             texts[sample], re.M):
            finding("daemon/settings.def", number, f"{sample} lacks the line: {name} = {default}")
        if manual in texts and not re.search(rf"^\.It Ic {name}\b", texts[manual], re.M):
            finding("daemon/settings.def", number, f"{manual} does not describe {name}")
        if manual in texts and not manual_default(texts[manual], name, default):
            finding("daemon/settings.def", number, f"{manual} gives {name} another default")
    if sample in texts:
        check_unknown_settings(sample, known)


def manual_default(text, name, default):
    """An item of the manual reads: .It Ic NAME Ns = Ns Ar DEFAULT"""
    given = re.search(rf"^\.It Ic {name} = ?(.*)$", text, re.M)
    return given is not None and given.group(1).strip().removeprefix("Ar ").strip() == default


def check_unknown_settings(sample, known):
    for number, line in enumerate(lines_of(sample), 1):
        match = re.match(r"^;?(\w+)\s*=", line)
        if match and match.group(1) not in known:
            finding(sample, number, f"{match.group(1)} is no setting")


ADMIN_ROW = re.compile(r'^ADMIN_(COMMAND|SHOW)\("(\w+)"')
CTL_ROW = re.compile(r'^CTL_COMMAND\("(\w+)"')


def check_commands():
    """Each command of the admin socket, topic of SHOW and command of the tool is in its manual."""
    manual = Path("packaging/man/flaskredisctl.1")
    text = "\n".join(lines_of(manual))
    for number, line in enumerate(lines_of("daemon/admin.def"), 1):
        match = ADMIN_ROW.match(line)
        macro = {"COMMAND": "Ic", "SHOW": "Cm"}.get(match.group(1)) if match else None
        if match and not re.search(rf"^\.It {macro} (.* )?{match.group(2).upper()}\b", text, re.M):
            finding("daemon/admin.def", number, f"{manual} does not describe {match.group(2)}")
    for number, line in enumerate(lines_of("client/ctl/ctl.def"), 1):
        match = CTL_ROW.match(line)
        if match and not re.search(rf"^\.It Ic (.* )?{match.group(1)}\b", text, re.M):
            finding("client/ctl/ctl.def", number, f"{manual} does not describe {match.group(1)}")
        for completion in ("flaskredisctl.bash", "_flaskredisctl"):
            completed = "\n".join(lines_of(f"packaging/completions/{completion}"))
            if match and not re.search(rf"\b{match.group(1)}\b", completed):
                finding("client/ctl/ctl.def", number, f"{completion} lacks {match.group(1)}")


TABLE_ROW = re.compile(r'^(STAT|GAUGE|WAIT)\((\w+),')


def metric_names():
    """(file, line, name) of each family: rows of the tables, and what metrics.c says of its own."""
    for table in ("stats", "gauges", "waits"):
        path = f"daemon/{table}.def"
        for number, line in enumerate(lines_of(path), 1):
            match = TABLE_ROW.match(line)
            if match and not match.group(2).startswith("errors_"):
                name = {"STAT": "flaskredis_{}_total", "GAUGE": "flaskredis_{}",
                        "WAIT": "flaskredis_wait_{}_seconds"}[match.group(1)].format(match.group(2))
                yield path, number, name
    text = re.sub(r'",\s+"', '", "', "\n".join(lines_of("daemon/metrics.c")))
    text = re.sub(r"\(to,\s+", "(to, ", text)
    for match in re.finditer(r'(begin_family|add_process_sample)\(to, "(\w+)"', text):
        prefix = "flaskredis_" if match.group(1) == "begin_family" else "process_"
        yield "daemon/metrics.c", 1, prefix + match.group(2)
    for match in re.finditer(r'\{"(quota_\w+)", "', text):
        yield "daemon/metrics.c", 1, "flaskredis_" + match.group(1)


def check_metrics():
    """Each metric is in docs/metrics.md, and the dashboard asks for none that is not there."""
    documented = "\n".join(lines_of("docs/metrics.md"))
    names = list(metric_names())
    for path, number, name in names:
        if f"`{name}`" not in documented:
            finding(path, number, f"docs/metrics.md does not describe {name}")
    known = {name for _, _, name in names}
    dashboard = "packaging/grafana/flaskredis.json"
    asked = json.dumps(json.loads("\n".join(lines_of(dashboard))))
    for name in sorted(set(re.findall(r"\b(?:flaskredis|process)_\w+", asked))):
        if re.sub(r"_(bucket|sum|count)$", "", name) not in known:
            finding(dashboard, 1, f"{name} is no metric")


def main():
    floors = read_floors()
    for path in sources():
        check_directions(path)
        check_length(path)
        if path.parts[0] == "daemon":
            check_floors(path, floors)
        if path.suffix == ".c":
            check_functions(path)
        if path.parts[0] == "include":
            check_prototypes(path)
    check_settings()
    check_commands()
    check_metrics()
    print("\n".join(findings) + "\n" if findings else "", end="")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
