#!/bin/sh
# SCHED_BATCH tells the kernel that Tracehare may be woken a little later, with more to read each
# time: on busy cores that more than halves its CPU per message, and it needs no privilege. Node
# can't set it for itself. Where a seccomp profile forbids it, go on without.
# SIGUSR1 would open Node's debugger on the loopback address that a pod's containers share.
set -eu
program=${0%/*}/dist/main.js
if chrt --batch 0 true 2>/dev/null; then
  exec chrt --batch 0 node --disable-sigusr1 "$program" "$@"
fi
exec node --disable-sigusr1 "$program" "$@"
