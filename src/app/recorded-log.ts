import type { LogRecords, Told } from '../telemetry/export/log-records.ts';
import type { AppLog } from './log.ts';

/** Keys of a line that have a name in the conventions, or one of ours on spans. */
const NAMES: Readonly<Record<string, string>> = {
  name: 'messaging.client.id',
  reason: 'error.type',
  code: 'tracehare.reply_code',
  text: 'tracehare.reply_text',
  type: 'tracehare.fault.type',
};

/** What is worth a record: what an operator is to see. */
const LEVELS = ['info', 'warn', 'error'] as const;

/** The log, of which each line from info on becomes a log record too: an event of that name. */
export function recordedLog(log: AppLog, event: string, records: LogRecords): AppLog {
  if (records.isQuiet) return log;
  const recorded = { debug: log.debug.bind(log) } as AppLog;
  for (const severity of LEVELS) {
    recorded[severity] = (first: unknown, second?: string) => {
      const [fields, body] = typeof first === 'string' ? [{}, first] : [first as object, second ?? ''];
      log[severity](fields, body);
      const at = Date.now() * 1000;
      records.tell({
        event,
        severity,
        body,
        attributes: attributesOf(fields),
        at,
        traceId: '',
        spanId: '',
        sampled: false,
      });
    };
  }
  return recorded;
}

function attributesOf(fields: object): Told['attributes'] {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined && value !== '')
      .flatMap(([key, value]): [string, string | number | boolean | string[]][] => {
        if (key === 'upstream') return serverOf(String(value));
        const name = NAMES[key] ?? `tracehare.${key}`;
        if (Array.isArray(value)) return [[name, value.map(String)]];
        return [[name, typeof value === 'object' ? JSON.stringify(value) : (value as string | number | boolean)]];
      }),
  );
}

function serverOf(upstream: string): [string, string | number][] {
  const [, host, port] = /^(.*):(\d+)$/.exec(upstream) ?? [undefined, upstream, ''];
  return [
    ['server.address', host.replace(/^\[|\]$/g, '')],
    ...(port ? [['server.port', Number(port)] as [string, number]] : []),
  ];
}
