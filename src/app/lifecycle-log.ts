import type { EventBus } from '../events/bus.ts';
import { leaksMandatory } from '../proxy/session/broker-flaws.ts';
import type { AppLog } from './log.ts';

/** Reply codes an app or broker closes with when nothing is wrong. */
const NORMAL = new Set([0, 200]);

/** Connections and channels in the log: their ordinary life at debug, what ended badly at info and warn. */
export function logLifecycle(bus: EventBus, log: AppLog): void {
  const names = new Map<number, string>();
  bus.on('connection.opened', ({ connection, client, brokerHost, brokerPort, bypass }) => {
    log.debug({ connection, client, upstream: `${brokerHost}:${brokerPort}`, ...(bypass && { bypass }) }, 'connected');
  });
  const flawed = new Set<string>();
  bus.on('connection.identified', ({ connection, vhost, user, name, product, version, platform, broker }) => {
    names.set(connection, name || product);
    log.debug({ connection, vhost, user, name, product, version, platform, broker }, 'app identified');
    if (!leaksMandatory(broker) || flawed.has(broker)) return;
    flawed.add(broker);
    log.warn(
      { broker },
      'this broker leaks memory for mandatory publishes without confirms: unroutable ones of such channels are not detected; upgrade to RabbitMQ 3.9.8 or use --loss confirms',
    );
  });
  bus.on('connection.blocked', ({ connection, blocked, reason }) => {
    if (blocked) log.warn({ connection, name: names.get(connection), reason }, 'broker blocks the connection');
    else log.info({ connection, name: names.get(connection) }, 'broker unblocked the connection');
  });
  bus.on('channel.closed', ({ connection, channel, by, code, text }) => {
    const closed = { connection, name: names.get(connection), channel, code, text };
    if (by === 'broker') log.warn(closed, 'broker closed a channel');
    if (by === 'tracehare') log.warn(closed, 'a fault closed a channel');
  });
  bus.on('connection.closed', ({ connection, by, code, text }) => {
    const name = names.get(connection);
    names.delete(connection);
    const level = NORMAL.has(code) ? 'debug' : 'warn';
    log[level]({ connection, name, by, code, text }, 'connection closed');
  });
}
