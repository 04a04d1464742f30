/** Node as deploy/entrypoint.sh and the systemd unit start it. */
export const NODE_FLAGS = ['--max-semi-space-size=2'];
export const ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
