# sanitizers.sh - how programs built with a sanitiser behave, in tests and fuzzers. Sourced, with the path of scripts/ in $scripts.
# shellcheck shell=sh disable=SC2154
# The C++ libraries are not instrumented, so their containers look overflown.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:detect_container_overflow=0
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS="suppressions=$scripts/lsan.supp:print_suppressions=0"
export TSAN_OPTIONS="suppressions=$scripts/tsan.supp:second_deadlock_stack=1:halt_on_error=1"
