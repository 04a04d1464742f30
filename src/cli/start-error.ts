import type { Config } from '../config/config.ts';

/** The codes of errors in what was configured: of a plugin, and of an OTEL_* variable. */
const SETTING_ERRORS = ['ERR_PLUGIN', 'ERR_OTEL_VARIABLE'];

/** Whether it is the configuration that is wrong, whoever found it out; its message says what. */
export function isSettingWrong(error: unknown): boolean {
  return SETTING_ERRORS.includes(String((error as NodeJS.ErrnoException).code));
}

/** Why it could not start, in one line: what, where, what to do. */
export function startError(error: unknown, config: Config): string {
  const { code, syscall, port, path, message } = error as NodeJS.ErrnoException & { port?: number };
  if (isSettingWrong(error)) return message;
  if (syscall === 'listen' || syscall === 'bind') {
    const flag = port === config.listen.port ? '--listen' : '--admin';
    const { host } = flag === '--listen' ? config.listen : config.admin;
    const where = `${flag} ${host.includes(':') ? `[${host}]` : host}:${port}`;
    return `${where}: ${listenProblem({ code, message })}`;
  }
  if (syscall === 'getaddrinfo') {
    const { hostname } = error as { hostname?: string };
    const flag = hostname === config.listen.host ? '--listen' : '--admin';
    return `${flag} ${hostname}: no such host name; listen on an address of this machine, or on :PORT for all`;
  }
  if (path !== undefined) return `${path}: ${code === 'ENOENT' ? 'no such file' : message}; check the configuration`;
  return `could not start: ${String(message ?? error).replace(/\s*\n\s*/g, ' ')}`;
}

/** Why an address can't be listened on. */
export function listenProblem({ code, message }: { code?: string | undefined; message: string }): string {
  return listening[code ?? ''] ?? message;
}

const listening: Record<string, string> = {
  EADDRINUSE: 'address already in use; stop what listens there or choose another port',
  EADDRNOTAVAIL: 'no such address on this machine; choose one of its own, or :PORT for all',
  EACCES: 'permission denied; choose a port from 1024 up, or run with the right to bind lower ones',
  EAFNOSUPPORT: 'this machine has no such address family; choose an IPv4 address',
};
