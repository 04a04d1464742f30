import { flagField, longstr, longstrField, type Sent, tableBytes, tableField } from '../../amqp/encode.ts';
import { type FieldTable, readTable } from '../../amqp/fields.ts';
import { type Arguments, readMethod } from '../../amqp/methods.ts';
import type { MethodName } from '../../amqp/spec.ts';
import { version } from '../../version.ts';
import { Refusal } from './refusal.ts';
import type { Vhost } from './vhost.ts';

export const PRODUCT = 'Tracehare demo broker';
/** RabbitMQ's own defaults. */
const FRAME_MAX = 131_072;
const LEAST_FRAME_MAX = 4096;
const CHANNEL_MAX = 2047;
const HEARTBEAT_S = 60;

const CAPABILITIES = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'consumer_priorities',
  'authentication_failure_close',
  'per_consumer_qos',
  'direct_reply_to',
];

interface Admission {
  readonly vhosts: ReadonlyMap<string, Vhost>;
  isPassword(user: string, password: string): boolean;
}

/** From the protocol header to connection.open-ok, and what was agreed on. */
export class Handshake {
  readonly #admission: Admission;
  readonly #send: <M extends MethodName>(name: M, args: Sent<M>) => void;
  #awaited: MethodName = 'connection.start-ok';
  #capabilities: FieldTable = {};
  /** '' until it is let in */
  user = '';
  vhost: Vhost | undefined;
  frameMax = FRAME_MAX;
  channelMax = CHANNEL_MAX;
  heartbeat = HEARTBEAT_S;

  constructor(admission: Admission, send: <M extends MethodName>(name: M, args: Sent<M>) => void) {
    this.#admission = admission;
    this.#send = send;
  }

  get isOpen(): boolean {
    return this.vhost !== undefined;
  }

  /** The client says that it knows of this. */
  can(capability: string): boolean {
    return this.#capabilities[capability] === true;
  }

  begin(): void {
    const serverProperties = tableBytes([
      tableField('capabilities', CAPABILITIES.map(flagField)),
      longstrField('product', PRODUCT),
      longstrField('version', version),
      longstrField('platform', `Node.js ${process.versions.node}`),
      longstrField('information', 'For demos and tests only: it keeps nothing, and is no RabbitMQ'),
    ]);
    const mechanisms = 'PLAIN AMQPLAIN';
    this.#send('connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties,
      mechanisms,
      locales: 'en_US',
    });
  }

  /** Takes a method of class connection; true if it was the one awaited. */
  take(name: MethodName, frame: Buffer): boolean {
    if (name === 'connection.update-secret' && this.isOpen) {
      this.#send('connection.update-secret-ok', {});
      return false;
    }
    if (name !== this.#awaited || this.isOpen) throw new Refusal('COMMAND_INVALID', `unexpected ${name}`);
    if (name === 'connection.start-ok') this.#start(readMethod(name, frame, 0, frame.length));
    else if (name === 'connection.tune-ok') this.#tune(readMethod(name, frame, 0, frame.length));
    else if (name === 'connection.open') this.#open(readMethod(name, frame, 0, frame.length));
    return true;
  }

  /** Whether one more channel may be opened beside `open` others. Numbers are the client's choice. */
  checkChannels(open: number): void {
    if (open < this.channelMax) return;
    const words = `number of channels opened (${open}) has reached the negotiated channel_max (${this.channelMax})`;
    throw new Refusal('NOT_ALLOWED', words);
  }

  #start({ clientProperties, mechanism, response }: Arguments<'connection.start-ok'>): void {
    this.#capabilities = (clientProperties.capabilities ?? {}) as FieldTable;
    const credentials = read(mechanism, response);
    if (credentials === undefined || !this.#admission.isPassword(credentials.user, credentials.password)) {
      const words = `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`;
      throw new Refusal('ACCESS_REFUSED', words);
    }
    this.user = credentials.user;
    this.#awaited = 'connection.tune-ok';
    this.#send('connection.tune', { channelMax: CHANNEL_MAX, frameMax: FRAME_MAX, heartbeat: HEARTBEAT_S });
  }

  #tune({ channelMax, frameMax, heartbeat }: Arguments<'connection.tune-ok'>): void {
    if (frameMax !== 0 && frameMax < LEAST_FRAME_MAX) {
      const words = `negotiated frame_max = ${frameMax} is lower than the minimum allowed value (${LEAST_FRAME_MAX})`;
      throw new Refusal('NOT_ALLOWED', words);
    }
    this.frameMax = frameMax === 0 ? FRAME_MAX : within('frame_max', frameMax, FRAME_MAX);
    this.channelMax = channelMax === 0 ? CHANNEL_MAX : within('channel_max', channelMax, CHANNEL_MAX);
    this.heartbeat = heartbeat;
    this.#awaited = 'connection.open';
  }

  #open({ virtualHost }: Arguments<'connection.open'>): void {
    const vhost = this.#admission.vhosts.get(virtualHost);
    if (vhost === undefined) throw new Refusal('NOT_ALLOWED', `vhost ${virtualHost} not found`);
    this.vhost = vhost;
    this.#send('connection.open-ok', {});
  }
}

function within(name: string, asked: number, most: number): number {
  if (asked <= most) return asked;
  const words = `negotiated ${name} = ${asked} is higher than the maximum allowed value (${most})`;
  throw new Refusal('NOT_ALLOWED', words);
}

/** undefined: no mechanism of ours, or nothing that it says. */
function read(mechanism: string, response: Uint8Array): { user: string; password: string } | undefined {
  if (mechanism === 'PLAIN') {
    const [, user, password] = Buffer.from(response).toString().split('\0');
    return password === undefined ? undefined : { user, password };
  }
  if (mechanism !== 'AMQPLAIN') return undefined;
  const bytes = longstr(Buffer.from(response));
  const { LOGIN: user, PASSWORD: password } = readTable(bytes, 0, bytes.length);
  return typeof user === 'string' && typeof password === 'string' ? { user, password } : undefined;
}
