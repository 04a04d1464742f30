import { type DiagLogFunction, type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Environment } from '../traces/environment.ts';

export type TracingLog = Pick<Logger, 'error' | 'warn' | 'info' | 'debug' | 'trace'>;

/** Told of every batch that could not be exported. */
export type ExportReport = (error: Error, items: number) => void;

/** What is exported, for the line that says that it failed. */
export interface Exported {
  /** key of how many */
  items: string;
  message: string;
}

const SPANS: Exported = { items: 'spans', message: 'spans could not be exported and were dropped' };

const MINUTE = 60_000;
const MAX_KINDS = 100;

/** Logs failed exports: one line a minute at most, with what the silent ones added up to. */
export function createExportReport(
  log: TracingLog,
  now: () => number = () => performance.now(),
  { items, message }: Exported = SPANS,
): ExportReport {
  let next = Number.NEGATIVE_INFINITY;
  let lost = 0;
  return (error, count) => {
    lost += count;
    if (now() < next) return;
    next = now() + MINUTE;
    log.warn({ [items]: lost }, `${message}: ${reasonOf(error)}`);
    lost = 0;
  };
}

let isStdoutWatched = false;

/** Before something is exported to the console: whoever reads standard output may go, and nothing else may end with that. */
export function outliveStdout(): void {
  if (isStdoutWatched) return;
  isStdoutWatched = true;
  process.stdout.on('error', () => {});
}

/** Exports that want the SDK's log as ours. */
let users = 0;

/** Has the SDK say what it has to say in our log, until all who asked for it have called what is returned. */
export function startDiagnostics(log: TracingLog, env: Environment): () => void {
  users++;
  diag.setLogger(createDiagLogger(log), { logLevel: diagLevel(env.OTEL_LOG_LEVEL), suppressOverrideMessage: true });
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    if (--users === 0) diag.disable();
  };
}

function diagLevel(name: string | undefined): DiagLogLevel {
  const level = DiagLogLevel[(name?.trim().toUpperCase() ?? '') as keyof typeof DiagLogLevel];
  return level ?? DiagLogLevel.WARN;
}

/** The SDK's own log as ours: text only, no stacks, no secrets, and each kind of line once a minute at most. */
export function createDiagLogger(log: TracingLog, now: () => number = () => performance.now()): DiagLogger {
  const next = new Map<string, number>();

  function say(level: keyof TracingLog): DiagLogFunction {
    return (message, ...more) => {
      const [text] = (message.startsWith('{') ? messageIn(message) : message).split('\n', 1);
      if (now() < (next.get(text) ?? Number.NEGATIVE_INFINITY)) return;
      // what was said last is the newest again
      next.delete(text);
      if (next.size >= MAX_KINDS) next.delete(next.keys().next().value as string);
      next.set(text, now() + MINUTE);
      // Objects are left out: spans, headers and replies of the endpoint.
      const rest = more.filter((part) => typeof part === 'string');
      log[level](`OpenTelemetry: ${withoutSecrets([text, ...rest].join(' '))}`);
    };
  }

  return { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug'), verbose: say('trace') };
}

/** The SDK's global error handler flattens an error into JSON; its message is what there is to read. */
function messageIn(json: string): string {
  try {
    const { message } = JSON.parse(json);
    return typeof message === 'string' ? message : json;
  } catch {
    return json;
  }
}

/** An error in one line. A refused connection to several addresses has a code and no message. */
export function reasonOf(error: Error & { code?: unknown }): string {
  const code = error.code === undefined ? '' : String(error.code);
  const text = error.message || error.name;
  return withoutSecrets(text.includes(code) ? text : `${text} (${code})`);
}

/** Addresses keep scheme, host and path; user, password and query may be secret. */
export function withoutSecrets(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#'"]*@)?([^\s?#'"]*)[^\s'"]*/gi, '$1$2').replace(/\s+/g, ' ');
}
