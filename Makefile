# flaskredis: build, checks, installation. One file, no recursion; everything made is under build/.
#
#   make            the daemon and the client library        V=1  show the commands
#   make run        a daemon to try, on an engine in memory  CC=clang, SAN=address,undefined, SAN=thread
#   make demo       see many clients share one connection    WERROR=1  warnings are errors
#   make check      all tests                                JOBS=N  how much at a time
#   make lint       format, static analysis, architecture    make help  all targets

# --- what the user may set ------------------------------------------------------------------------

JOBS ?= $(shell nproc 2>/dev/null || echo 1)
SAN ?=
WERROR ?=
V ?=

prefix ?= /usr/local
exec_prefix ?= $(prefix)
sbindir ?= $(exec_prefix)/sbin
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
pkgconfigdir ?= $(libdir)/pkgconfig
# Where systemd looks for what belongs to a prefix. WITH_SYSTEMD=no builds and installs without it.
unitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
# The daemon looks for its configuration in /etc/flaskredis, so a system-wide prefix means /etc.
sysconfdir ?= $(if $(filter /usr /usr/local,$(prefix)),/etc,$(prefix)/etc)

INSTALL ?= install
OBJCOPY ?= objcopy
CLANG ?= clang
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

CHECK_SUITE_SECONDS ?= 300
CHECK_STRESS_SECONDS ?=
FUZZ_SECONDS ?= 10

# --- what is asked for, and what it needs -----------------------------------------------------------

MAKEFLAGS += --no-builtin-rules --no-print-directory -j$(JOBS)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

GOALS := $(or $(MAKECMDGOALS),all)
asked = $(filter $(1),$(GOALS))

# Sets of packages in packaging/deps.sh. These goals install what they miss; the others only say so.
DEPS := $(sort \
    $(if $(call asked,deps),build redis test) \
    $(if $(call asked,deps-all),build redis test valgrind fuzz lint web bench plots) \
    $(if $(call asked,run demo),build redis) \
    $(if $(call asked,check check-%),build redis test) \
    $(if $(call asked,check-valgrind),valgrind) \
    $(if $(call asked,check-fuzz),fuzz) \
    $(if $(call asked,lint format lint-%),build test lint) \
    $(if $(call asked,bench bench-plots),build redis bench) \
    $(if $(call asked,bench-plots),plots) \
    $(if $(call asked,deb check-systemd),build test deb) \
    $(if $(call asked,check-systemd),systemd))

# --- files -----------------------------------------------------------------------------------------

B := build
# Objects of different sanitizers never meet.
O := $(B)/$(if $(SAN),san-$(SAN),default)
FUZZ_O := $(B)/fuzz

COMMON_SRC := $(wildcard common/*.c common/mock/*.c)
DAEMON_SRC := $(wildcard daemon/*.c)
CLIENT_SRC := $(wildcard client/*.c)
CTL_SRC := $(wildcard client/ctl/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
CLIENT_SUITE_SRC := $(wildcard tests/client/test_*.c)
MOCK_SRC := $(wildcard tests/mock/test_*.c)
INTEGRATION_SRC := $(wildcard tests/integration/test_*.c) $(CLIENT_SUITE_SRC)
STRESS_SRC := $(wildcard tests/stress/test_*.c tests/conformance/test_*.c)
# what is no suite beside the suites is theirs to share
SUPPORT_SRC := $(wildcard tests/support/*.c) \
    $(filter-out $(STRESS_SRC),$(wildcard tests/stress/*.c tests/conformance/*.c)) \
    $(filter-out $(CLIENT_SUITE_SRC) $(MOCK_SRC),$(wildcard tests/client/*.c tests/mock/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
# what has a header of its own is no program but a part of several
BENCH_PART_SRC := $(filter $(patsubst %.h,%.c,$(wildcard bench/*.h)),$(wildcard bench/*.c))
BENCH_SRC := $(filter-out $(BENCH_PART_SRC),$(wildcard bench/*.c))
# what runs inside the container of check-systemd
BOOTED_SRC := $(wildcard tests/systemd/*.c)
PROGRAM_SRC := $(UNIT_SRC) $(MOCK_SRC) $(INTEGRATION_SRC) $(STRESS_SRC) $(BENCH_SRC) $(BENCH_PART_SRC) $(BOOTED_SRC)
ALL_SRC := $(COMMON_SRC) $(DAEMON_SRC) $(CLIENT_SRC) $(CTL_SRC) $(SUPPORT_SRC) $(PROGRAM_SRC) $(FUZZ_SRC) \
    $(wildcard examples/*.c)
HEADERS := $(wildcard include/*.h include/*/*.h common/*.h common/mock/*.h daemon/*.h client/*.h client/ctl/*.h tests/*/*.h bench/*.h)
TABLES := $(wildcard client/ctl/*.def common/*.def common/mock/*.def tests/mock/*.def daemon/*.def common/*.inc)

pie = $(patsubst %.c,$(O)/pie/%.o,$(1))
pic = $(patsubst %.c,$(O)/pic/%.o,$(1))
program = $(patsubst %.c,$(O)/%,$(1))
UNIT := $(call program,$(UNIT_SRC))
MOCK := $(call program,$(MOCK_SRC))
INTEGRATION := $(call program,$(INTEGRATION_SRC))
STRESS := $(call program,$(STRESS_SRC))
BENCH := $(call program,$(BENCH_SRC))
BOOTED := $(call program,$(BOOTED_SRC))
FUZZ := $(patsubst %.c,$(FUZZ_O)/%,$(FUZZ_SRC))

version_part = $(shell sed -n 's/^\#define FLASKREDIS_VERSION_$(1) *\([0-9]*\)$$/\1/p' \
    include/flaskredis/version.h)
ABI := $(call version_part,MAJOR)
VERSION := $(ABI).$(call version_part,MINOR).$(call version_part,PATCH)

# Sanitized binaries stay in their own directory; the plain ones are where people look for them.
BIN := $(if $(SAN),$(O),$(B))
DAEMON := $(BIN)/flaskredisd
CTL := $(BIN)/flaskredisctl
SONAME := libflaskredis.so.$(ABI)
SHARED := $(BIN)/libflaskredis.so.$(VERSION)
STATIC := $(BIN)/libflaskredis.a
PC := $(BIN)/flaskredis.pc

# --- what this machine has ---------------------------------------------------------------------------
#
# config.mk is written by configure.sh, after the missing packages were installed where the goal asks
# for that; make starts over when it changed. Goals that compile nothing do without.

ifneq ($(filter-out clean help uninstall,$(GOALS)),)
include $(B)/config.mk
$(B)/config.mk: always
	@packaging/deps.sh $(DEPS)
	@CC='$(CC)' CLANG='$(CLANG)' packaging/configure.sh $@
endif

# --- flags -------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
    $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong $(HARDENING_PROBED)
# Fortified calls would hide from the sanitizers what they look for.
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
FORTIFY := $(if $(SAN),,$(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-D_FORTIFY_SOURCE=2))

# What a package builder gives in CPPFLAGS, CFLAGS and LDFLAGS comes last, so it wins.
ALL_CPPFLAGS = -I. -Iinclude -D_GNU_SOURCE $(FORTIFY) $(LIBRARY_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -O2 -g -pthread $(WARNINGS) $(HARDENING) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS = -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS)

say = $(if $(V),,@printf '  %-7s %s\n' $(1) '$(2)';)

# A change of compiler or flags rebuilds what was made with the old ones.
FLAGS_NOW = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(O)/flags: always
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

# --- compile and link --------------------------------------------------------------------------------

.PHONY: all always
all: $(DAEMON) $(CTL) library

COMPILE = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP

$(O)/pie/daemon/page.o $(FUZZ_O)/daemon/page.o: daemon/page.html

$(O)/pie/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -fPIE -c -o $@ $<

$(O)/pie/daemon/main.o $(O)/pie/client/ctl/main.o: include/flaskredis/version.h

$(O)/pic/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$< (shared))$(COMPILE) -fPIC -c -o $@ $<

# Archives, so that a program takes the objects it uses and a test may bring its own for one of them.
define archive
$(O)/$(1).a: $(2)
	@mkdir -p $$(@D) && rm -f $$@
	$$(call say,AR,$$@)$$(AR) rcsD $$@ $(2)
endef
$(eval $(call archive,common,$(call pie,$(COMMON_SRC))))
$(eval $(call archive,daemon,$(call pie,$(filter-out daemon/main.c,$(DAEMON_SRC)))))
$(eval $(call archive,client,$(call pie,$(CLIENT_SRC))))
$(eval $(call archive,support,$(call pie,$(SUPPORT_SRC))))
$(eval $(call archive,bench,$(call pie,$(BENCH_PART_SRC))))
$(eval $(call archive,common-pic,$(call pic,$(COMMON_SRC))))

comma := ,
LINK = $(CC) -pie $(ALL_LDFLAGS) -o $@

$(DAEMON): $(O)/pie/daemon/main.o $(O)/daemon.a $(O)/common.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $^ $(DAEMON_LIBS)

$(CTL): $(call pie,$(CTL_SRC))
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $^ $(CLIENT_LIBS)

# Its own allocator stands between the library and the C library's.
$(O)/tests/client/test_no_memory: private LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup strndup)
TEST_ARCHIVES := $(addprefix $(O)/,support.a daemon.a client.a common.a)
$(UNIT) $(MOCK) $(INTEGRATION) $(STRESS): $(O)/%: $(O)/pie/%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $^ $(TEST_LIBS) $(CLIENT_LIBS) $(DAEMON_LIBS)

$(BENCH): $(O)/%: $(O)/pie/%.o $(O)/bench.a $(O)/client.a $(O)/common.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $^ $(BENCH_LIBS) $(CLIENT_LIBS)

$(BOOTED): $(O)/%: $(O)/pie/%.o $(O)/client.a $(O)/common.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $^ $(CLIENT_LIBS)

.PHONY: library
library: $(SHARED) $(STATIC) $(PC)

$(SHARED): $(call pic,$(CLIENT_SRC)) $(O)/common-pic.a client/libflaskredis.map
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared $(ALL_LDFLAGS) $(if $(SAN),,-Wl,-z,defs) -Wl,-soname,$(SONAME) \
	    -Wl,--version-script=client/libflaskredis.map -o $@ $(filter %.o %.a,$^) $(CLIENT_LIBS)
	@ln -sf $(@F) $(@D)/$(SONAME)
	@ln -sf $(SONAME) $(@D)/libflaskredis.so

# One object in which only the exported names are global, so that no other name can clash with one of
# the program's.
$(STATIC): $(call pic,$(CLIENT_SRC) $(COMMON_SRC)) client/libflaskredis.map
	@mkdir -p $(@D) && rm -f $@
	@sed -n 's/^ *\(fla[a-z_]*\);$$/\1/p' client/libflaskredis.map > $(O)/exported
	$(call say,LD,$(O)/libflaskredis.o)$(CC) -r -nostdlib -o $(O)/libflaskredis.o $(filter %.o,$^)
	@$(OBJCOPY) --keep-global-symbols=$(O)/exported $(O)/libflaskredis.o
	$(call say,AR,$@)$(AR) rcsD $@ $(O)/libflaskredis.o

# Depends on directories that only the command line knows: written anew each time, it is three lines.
$(PC): packaging/flaskredis.pc.in always
	@mkdir -p $(@D)
	@sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
	    -e 's|@version@|$(VERSION)|' -e 's|@lua@|$(strip $(LUA_LIBS))|' $< > $@

# Fuzz targets have sanitizers of their own and need clang.
FUZZ_FLAGS = -std=gnu11 -O1 -g -pthread -fno-omit-frame-pointer -fno-sanitize-recover=all $(WARNINGS) \
    -I. -Iinclude -D_GNU_SOURCE $(LIBRARY_CFLAGS)
$(FUZZ_O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ_O)/%.o,$(COMMON_SRC) $(filter-out daemon/main.c,$(DAEMON_SRC)))
$(FUZZ_O)/objects.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcsD $@ $^

$(FUZZ): %: %.o $(FUZZ_O)/objects.a
	$(call say,LD,$@)$(CLANG) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ $(DAEMON_LIBS)

-include $(patsubst %.o,%.d,$(call pie,$(COMMON_SRC) $(DAEMON_SRC) $(CLIENT_SRC) $(CTL_SRC) $(SUPPORT_SRC) $(PROGRAM_SRC)) \
    $(call pic,$(COMMON_SRC) $(CLIENT_SRC)) $(FUZZ_OBJECTS) $(FUZZ:=.o))

# --- tests ---------------------------------------------------------------------------------------------

.PHONY: check check-unit check-mock check-integration check-stress check-fuzz check-valgrind check-install check-model check-bench tests

# A finding ends the process that has it with a status nobody else uses and the report on its stderr.
export ASAN_OPTIONS ?= exitcode=86:halt_on_error=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= exitcode=86:halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS ?= exitcode=86:halt_on_error=1:second_deadlock_stack=1
export LSAN_OPTIONS ?= exitcode=86

CHECK_ENV = FLASKREDISD='$(abspath $(DAEMON))' BENCH_BIN='$(abspath $(O)/bench)' FLASKREDISCTL='$(abspath $(CTL))' PYTHON='$(PYTHON)' VALGRIND='$(VALGRIND)' \
    SUITE_SECONDS=$(CHECK_SUITE_SECONDS) FUZZ_SECONDS=$(FUZZ_SECONDS) \
    $(if $(CHECK_STRESS_SECONDS),CHECK_STRESS_SECONDS=$(CHECK_STRESS_SECONDS)) \
    MAKE='$(strip $(MAKE) $(MAKEOVERRIDES))' CC='$(CC)' $(if $(SAN),TEST_SLOW=1)
RUN_SUITES = $(if $(V),,@)$(CHECK_ENV) tests/run-suites.sh --jobs $(JOBS) --logs $(O)/logs/$@

tests: $(UNIT) $(MOCK) $(INTEGRATION) $(STRESS)

FUZZ_SUITES = $(if $(FUZZ_LIBRARY),$(addprefix fuzz:,$(FUZZ)),skip:fuzz-targets:clang-with-libFuzzer)
FUZZ_BUILT = $(if $(FUZZ_LIBRARY),$(FUZZ))
# Beside the unit suites those on the mock, which need no server. test_mock itself is left to the address
# sanitizer: its children lose, to valgrind, what other threads of their parent had.
VALGRIND_PROGRAMS := $(UNIT) $(filter-out %/test_conformance,$(MOCK)) \
    $(filter-out %/test_mock,$(filter %_mock,$(INTEGRATION)))
VALGRIND_SUITES = $(if $(VALGRIND),$(addprefix valgrind:,$(VALGRIND_PROGRAMS)),skip:valgrind:valgrind)
INSTALL_SUITE := script:tests/install/check_install.sh
MODEL_SUITE := script:tests/model/check.sh
BENCH_SUITE := script:tests/bench/check_bench.sh

# Sanitizers change the suites, not what surrounds them: that is checked once, without.
SURROUNDINGS = $(if $(SAN),,$(VALGRIND_SUITES) $(INSTALL_SUITE) $(MODEL_SUITE) $(BENCH_SUITE) $(FUZZ_SUITES))

# In this order: what takes long begins first, so that nothing is waited for alone in the end.
check: all tests $(if $(SAN),,$(FUZZ_BUILT) $(BENCH))
	$(RUN_SUITES) $(addprefix stress:,$(STRESS)) $(addprefix integration:,$(INTEGRATION)) \
	    $(SURROUNDINGS) $(addprefix unit:,$(UNIT) $(MOCK))

check-unit: $(UNIT)
	$(RUN_SUITES) $(addprefix unit:,$(UNIT))

check-mock: $(MOCK)
	$(RUN_SUITES) $(addprefix unit:,$(MOCK))

check-integration: $(DAEMON) $(CTL) $(INTEGRATION)
	$(RUN_SUITES) $(addprefix integration:,$(INTEGRATION))

check-stress: $(DAEMON) $(STRESS)
	$(RUN_SUITES) $(addprefix stress:,$(STRESS))

check-fuzz: $(FUZZ_BUILT)
	$(RUN_SUITES) $(FUZZ_SUITES)

check-valgrind: $(VALGRIND_PROGRAMS)
	$(RUN_SUITES) $(VALGRIND_SUITES)

check-install: all
	$(RUN_SUITES) $(INSTALL_SUITE)

check-model:
	$(RUN_SUITES) $(MODEL_SUITE)

check-bench: $(DAEMON) $(BENCH)
	$(RUN_SUITES) $(BENCH_SUITE)

# --- lint ----------------------------------------------------------------------------------------------

.PHONY: lint lint-format lint-tree lint-commands lint-cppcheck lint-man lint-shell format
L := $(B)/lint
TIDY := $(patsubst %.c,$(L)/%.tidy,$(ALL_SRC))

lint: lint-format lint-tree lint-commands lint-cppcheck lint-man lint-shell $(TIDY)
	@echo '  LINT    $(words $(ALL_SRC)) sources, $(words $(HEADERS)) headers: nothing found'

# Each release of clang-format breaks some lines elsewhere; the sources follow one.
FORMAT_RELEASE := 14
lint-format:
	$(call say,FORMAT,--dry-run)if $(CLANG_FORMAT) --version | grep -q 'version $(FORMAT_RELEASE)\.'; then \
	    $(CLANG_FORMAT) --dry-run -Werror $(ALL_SRC) $(HEADERS); \
	else echo '  skipped: format (needs clang-format $(FORMAT_RELEASE))'; fi

lint-tree:
	$(call say,TREE,includes floors sizes documentation settings)$(PYTHON) tests/lint/tree.py

lint-commands:
	$(call say,TABLE,common/generate_commands.py)$(PYTHON) common/generate_commands.py --check

# Without these headers' macros it cannot read the lists and tables of the daemon.
MACRO_HEADERS := $(wildcard /usr/include/sys/queue.h /usr/include/*/sys/queue.h /usr/include/uthash.h)
lint-cppcheck:
	@mkdir -p $(L)/cppcheck
	$(call say,CPPCHK,common client daemon)$(CPPCHECK) -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppressions-list=tests/lint/cppcheck.txt --error-exitcode=1 -j $(JOBS) \
	    --cppcheck-build-dir=$(L)/cppcheck -I. -Iinclude -D_GNU_SOURCE \
	    $(addprefix --include=,$(MACRO_HEADERS)) $(COMMON_SRC) $(CLIENT_SRC) $(CTL_SRC) $(DAEMON_SRC)

MANUALS := $(wildcard packaging/man/*.[1-8])
lint-man:
	$(call say,MAN,$(notdir $(MANUALS)))tests/lint/manuals.sh $(MANUALS)

SCRIPTS := .ci/run $(wildcard config/*.sh packaging/*.sh packaging/completions/*.bash tests/*.sh tests/*/*.sh bench/*.sh)
lint-shell:
	$(call say,SHELL,$(SCRIPTS))shellcheck $(SCRIPTS)

# clang-tidy checks a header where it is included, so any header may change any result.
$(L)/%.tidy: %.c $(HEADERS) $(TABLES) .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)$(CLANG_TIDY) --quiet $< -- -std=gnu11 -I. -Iinclude -D_GNU_SOURCE $(LIBRARY_CFLAGS) 2>$@.err \
	    || { cat $@.err; exit 1; }
	@touch $@

format:
	$(call say,FORMAT,$(words $(ALL_SRC) $(HEADERS)) files)$(CLANG_FORMAT) -i $(ALL_SRC) $(HEADERS)

# --- run, demonstrate, measure -------------------------------------------------------------------------

.PHONY: run demo bench bench-plots deps deps-all
run: $(DAEMON)
	@exec config/run-dev.sh '$(abspath $(DAEMON))'

demo: $(DAEMON)
	@config/demo.sh '$(abspath $(DAEMON))'

BENCH_ENV = FLASKREDISD='$(abspath $(DAEMON))' BENCH_BIN='$(abspath $(O)/bench)' PYTHON='$(PYTHON)'
bench: $(DAEMON) $(BENCH)
	$(if $(V),,@)$(BENCH_ENV) bench/run.sh
	$(if $(V),,@)$(BENCH_ENV) bench/library.sh

# What was measured before it was interrupted is not measured again.
bench-plots: $(DAEMON) $(BENCH)
	$(if $(V),,@)$(BENCH_ENV) bench/plots.sh $(BENCH_PLOTS)

# The packages were installed before this file was read to its end.
deps deps-all:
	@echo 'flaskredis: everything needed is installed'

# --- install -------------------------------------------------------------------------------------------

.PHONY: install uninstall
D = $(DESTDIR)
CONFIG = $(D)$(sysconfdir)/flaskredis/flaskredis.conf
man_file = $(D)$(mandir)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

UNIT_FILES = $(unitdir)/flaskredisd.service $(unitdir)/flaskredis@.socket \
    $(sysusersdir)/flaskredis.conf $(tmpfilesdir)/flaskredis.conf
define install_units
	$(INSTALL) -d $(D)$(unitdir) $(D)$(sysusersdir) $(D)$(tmpfilesdir)
	sed -e 's|@sbindir@|$(sbindir)|' -e 's|@bindir@|$(bindir)|' \
	    packaging/systemd/flaskredisd.service.in > $(D)$(unitdir)/flaskredisd.service
	chmod 644 $(D)$(unitdir)/flaskredisd.service
	$(INSTALL) -m 644 packaging/systemd/flaskredis@.socket $(D)$(unitdir)
	$(INSTALL) -m 644 packaging/systemd/flaskredis.sysusers $(D)$(sysusersdir)/flaskredis.conf
	$(INSTALL) -m 644 packaging/systemd/flaskredis.tmpfiles $(D)$(tmpfilesdir)/flaskredis.conf
endef

install: all
	$(INSTALL) -d $(D)$(sbindir) $(D)$(bindir) $(D)$(libdir) $(D)$(pkgconfigdir) $(D)$(includedir)/flaskredis $(dir $(CONFIG))
	$(INSTALL) -m 755 $(DAEMON) $(D)$(sbindir)/flaskredisd
	$(INSTALL) -m 755 $(CTL) $(D)$(bindir)/flaskredisctl
	$(INSTALL) -m 644 $(SHARED) $(STATIC) $(D)$(libdir)
	ln -sf $(notdir $(SHARED)) $(D)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(D)$(libdir)/libflaskredis.so
	$(INSTALL) -m 644 include/flaskredis.h $(D)$(includedir)
	$(INSTALL) -m 644 $(wildcard include/flaskredis/*.h) $(D)$(includedir)/flaskredis
	$(INSTALL) -m 644 $(PC) $(D)$(pkgconfigdir)
	$(INSTALL) -D -m 644 packaging/completions/flaskredisctl.bash $(D)$(datadir)/bash-completion/completions/flaskredisctl
	$(INSTALL) -D -m 644 packaging/completions/_flaskredisctl $(D)$(datadir)/zsh/vendor-completions/_flaskredisctl
	$(INSTALL) -D -m 644 packaging/grafana/flaskredis.json $(D)$(datadir)/flaskredis/grafana.json
	$(foreach page,$(MANUALS),$(INSTALL) -D -m 644 $(page) $(call man_file,$(page));)
	if [ ! -e $(CONFIG) ]; then $(INSTALL) -m 640 config/flaskredis.conf $(CONFIG); fi
	$(if $(HAVE_SYSTEMD),$(install_units))

# The configuration may have passwords and an administrator's work in it: it stays.
uninstall:
	rm -rf $(D)$(datadir)/flaskredis
	rm -f $(D)$(datadir)/bash-completion/completions/flaskredisctl $(D)$(datadir)/zsh/vendor-completions/_flaskredisctl
	rm -f $(D)$(sbindir)/flaskredisd $(D)$(bindir)/flaskredisctl $(D)$(includedir)/flaskredis.h $(D)$(pkgconfigdir)/flaskredis.pc
	rm -f $(addprefix $(D)$(libdir)/,$(notdir $(SHARED)) $(SONAME) libflaskredis.so libflaskredis.a)
	rm -f $(foreach page,$(MANUALS),$(call man_file,$(page))) $(addprefix $(D),$(UNIT_FILES))
	rm -rf $(D)$(includedir)/flaskredis

# --- packages ------------------------------------------------------------------------------------------

.PHONY: deb check-systemd
deb:
	$(if $(V),,@)packaging/deb.sh '$(abspath $(B))' $(VERSION)

# A real systemd, booted in a container with the packages installed: takes a minute, and root.
check-systemd: deb $(BOOTED)
	$(RUN_SUITES) script:tests/systemd/check_systemd.sh

# --- the rest ------------------------------------------------------------------------------------------

.PHONY: clean help
clean:
	rm -rf $(B)

help:
	@echo 'all (default)  $(B)/flaskredisd, $(B)/flaskredisctl, $(B)/libflaskredis.so.$(VERSION), $(B)/libflaskredis.a'
	@echo 'run            daemon in the foreground, on an engine in memory unless REDIS_URL is set'
	@echo 'demo           many clients over one connection, shown on a running or a passing daemon'
	@echo 'check          all tests; alone: check-unit check-integration check-stress check-fuzz'
	@echo '               check-valgrind check-install check-model check-bench'
	@echo 'lint, format   check the sources; write them in the project'\''s format'
	@echo 'bench          measure against direct connections and other poolers'
	@echo 'bench-plots    measure for and draw the pictures of docs/plots; BENCH_PLOTS: options of bench/plots.sh'
	@echo 'deps, deps-all install what building and testing needs (Debian); and the tools of lint and bench'
	@echo 'deb            Debian packages of this tree, in $(B)/deb'
	@echo 'check-systemd  the packages in a container with a systemd of its own (root)'
	@echo 'install        to DESTDIR and prefix (/usr/local); uninstall; clean'
