import { lookup } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { isOutOfDescriptors, OutOfDescriptors } from './descriptors.ts';
import { dialError } from './handshake-error.ts';
import { HIGH_WATER_MARK } from './relay.ts';
import { reading } from './socket-reader.ts';

export interface Upstream {
  host: string;
  port: number;
  tls: boolean;
}

/** For `amqps` upstreams: PEM contents, not paths. */
export interface UpstreamSecurity extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  serverName?: string | undefined;
  verify: boolean;
}

export interface DialOptions {
  servers: readonly Upstream[];
  security: UpstreamSecurity;
  /** ms for each attempt */
  timeout: number;
  /** why an upstream can't be reached although it could: a fault */
  refusal?(): string | undefined;
  /** whether a connection to this address and port would come back to us */
  isOurs?(address: string, port: number): boolean;
  /** told of every attempt that says something of the upstream; `life` is its certificate's */
  result(upstream: Upstream, error: Error | undefined, life?: CertificateLife): void;
}

/** ms since the epoch */
export interface CertificateLife {
  begins: number;
  ends: number;
}

export const nameOf = ({ host, port }: Pick<Upstream, 'host' | 'port'>): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** An upstream that turns out to be this Tracehare. */
class OwnUpstream extends Error {
  constructor() {
    super('this is where Tracehare itself listens; set --upstream to the broker');
    this.name = 'OwnUpstream';
  }
}

/** Finds addresses of a name but for ours. */
const lookUpOthers =
  (isOurs: (address: string) => boolean): LookupFunction =>
  (name, options, callback) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const others = found.filter(({ address }) => !isOurs(address));
      if (others.length === 0) return callback(new OwnUpstream(), []);
      if (options.all) return callback(null, others);
      const [{ address, family }] = others;
      callback(null, address, family);
    });

/** Dials upstreams in turn, starting with the one that answered last. */
export class Dialer {
  #options: DialOptions;
  #current = 0;
  /** made once: it holds all the CAs there are */
  #context: SecureContext | undefined;

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** For connections to come. */
  configure(changed: Pick<DialOptions, 'security' | 'timeout'>): void {
    this.#options = { ...this.#options, ...changed };
    this.#context = undefined;
  }

  /**
   * An open socket that reads nothing yet. Rejects with the last error when no upstream answers, and with
   * OutOfDescriptors when none could be asked.
   */
  async dial(): Promise<{ socket: Socket; upstream: Upstream }> {
    const { servers, result } = this.#options;
    let failure: Error = new Error('no upstream configured');
    for (let turn = 0; turn < servers.length; turn++) {
      const index = (this.#current + turn) % servers.length;
      const upstream = servers[index];
      try {
        const refusal = this.#options.refusal?.();
        if (refusal !== undefined) throw new Error(refusal);
        const socket = await this.#open(upstream);
        result(upstream, undefined, lifeOf(socket));
        this.#current = index;
        return { socket, upstream };
      } catch (error) {
        if (isOutOfDescriptors(error)) throw new OutOfDescriptors();
        failure = dialError(error as Error, upstream.tls);
        result(upstream, failure);
      }
    }
    throw failure;
  }

  async #open(upstream: Upstream): Promise<Socket> {
    const { security, timeout, isOurs = () => false } = this.#options;
    const { host, port } = upstream;
    // before anything is sent: a connection that comes back would be dialled for in turn, without end
    if (isIP(host) !== 0 && isOurs(host, port)) throw new OwnUpstream();
    const lookup = lookUpOthers((address) => isOurs(address, port));
    // what an app's own keepalive would find out of a broker without heartbeats, it no longer sees through us
    const socketOptions = { noDelay: true, keepAlive: true, allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK };
    const common = { host, port, lookup, ...socketOptions };
    const { reader, of } = reading();
    return new Promise((resolve, reject) => {
      const { serverName, verify, ...secrets } = security;
      if (upstream.tls) this.#context ??= createSecureContext(secrets);
      // SNI can't be an address; without it the certificate is held against the address itself
      const servername = serverName ?? (isIP(host) ? '' : host);
      const socket = upstream.tls
        ? connectTls({
            ...common,
            secureContext: this.#context,
            servername,
            rejectUnauthorized: verify,
          })
        : connect({ ...common, onread: reader.onread });
      if (!upstream.tls) of(socket);
      // whoever gets it says when to read
      socket.pause();
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      socket.once('error', fail);
      socket.once(upstream.tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        resolve(socket);
      });
    });
  }
}

/** Of the certificate that the other side showed; undefined without TLS. */
function lifeOf(socket: Socket): CertificateLife | undefined {
  const certificate = 'getPeerX509Certificate' in socket && (socket as TLSSocket).getPeerX509Certificate();
  if (!certificate) return undefined;
  return { begins: certificate.validFromDate.getTime(), ends: certificate.validToDate.getTime() };
}
