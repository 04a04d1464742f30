import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { HIGH_WATER_MARK } from '../stream/relay.ts';

/** A handshake that has not ended after so long is cut off. Brokers allow an app 10 s for all of its login. */
export const HANDSHAKE_MS = 5000;

/** What `listen.tls` is made of: PEM contents, not paths. */
export type TlsSettings = Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'requestCert' | 'rejectUnauthorized'>;

interface Handshake {
  resolve(secured: Socket | undefined): void;
  timer: NodeJS.Timeout;
}

/**
 * The TLS handshakes under way. Node's own server would lose sight of a connection that ends or says nothing before
 * its handshake, and keep its descriptor for good: here each one is held from its first moment to its last.
 */
export class Handshakes {
  /** does not listen: it is given sockets, and makes their encrypted ends */
  readonly #server: Server;
  readonly #underWay = new Map<string, Handshake>();

  /** `failed` is told why a handshake failed, a peer that went away left out. */
  constructor(tls: TlsSettings, failed: (code: string, peer: string) => void) {
    this.#server = createServer({ ...tls, noDelay: true, pauseOnConnect: true, highWaterMark: HIGH_WATER_MARK });
    this.#server.on('secureConnection', (secured: TLSSocket) => {
      // until here the app's end was the end of it; from here on it may end its side and still listen
      secured.allowHalfOpen = true;
      const peer = peerOf(secured);
      const handshake = this.#underWay.get(peer);
      if (handshake === undefined) secured.destroy();
      else this.#end(peer, handshake, secured);
    });
    // no certificate, one that is not trusted, no TLS at all: nothing of it is to be kept
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, secured) => {
      // an app whose certificate was refused is told of by a mere reset
      const code = secured.authorizationError ? String(secured.authorizationError) : error.code;
      if (code !== undefined && code !== 'ECONNRESET') failed(code, peerOf(secured));
      secured.destroy();
    });
  }

  /** For handshakes to come. */
  configure(tls: TlsSettings): void {
    this.#server.setSecureContext(tls);
  }

  /** The encrypted end of a socket just accepted, paused; undefined if its handshake failed, and then it is closed. */
  begin(raw: Socket): Promise<Socket | undefined> {
    const peer = peerOf(raw);
    return new Promise((resolve) => {
      const timer = setTimeout(() => raw.destroy(), HANDSHAKE_MS);
      const handshake = { resolve, timer };
      this.#underWay.set(peer, handshake);
      raw.once('close', () => this.#end(peer, handshake, undefined));
      // its peer has reset it already: without an address it can't be told from other connections
      if (raw.remoteAddress === undefined) raw.destroy();
      else this.#server.emit('connection', raw);
    });
  }

  #end(peer: string, handshake: Handshake, secured: Socket | undefined): void {
    // the peer may have come again by the same port
    if (this.#underWay.get(peer) === handshake) this.#underWay.delete(peer);
    clearTimeout(handshake.timer);
    handshake.resolve(secured);
  }
}

/** Tells the connections of one port apart. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`;
