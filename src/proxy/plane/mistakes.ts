import type { Speech } from '../../amqp/stranger.ts';
import type { Mistake } from '../ports/mistake.ts';

/** Says each kind of mistake once, in a line with its cure; `peer` is whose it was. */
export class Mistakes {
  readonly #say: (message: string, peer: string) => void;
  readonly #admin: string;
  readonly #said = new Set<string>();

  /** `admin`: where the admin server is, for whoever looks for it elsewhere */
  constructor(admin: string, say: (message: string, peer: string) => void) {
    this.#admin = admin;
    this.#say = say;
  }

  tell(mistake: Mistake): void {
    const message = this.#lineOf(mistake);
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#say(message, mistake.by === 'upstream' ? mistake.upstream : mistake.peer);
  }

  #lineOf(mistake: Mistake): string {
    if (mistake.by === 'app') return this.#opened(mistake.speaks);
    if (mistake.by === 'app in TLS') return handshake(mistake.code);
    const { upstream, speaks, tls } = mistake;
    return `upstream ${upstream} ${answered(speaks, upstream, tls)}`;
  }

  #opened(speaks: Speech): string {
    const said = `an app speaks ${speaks} to --listen`;
    switch (speaks) {
      case 'TLS':
        return `${said}, where plain AMQP is spoken: give the app an amqp:// URL, or set listen.tls`;
      case 'HTTP':
        return `${said}, where apps speak AMQP: metrics, health and the page are at ${this.#admin}`;
      case 'the PROXY protocol':
        return `${said}: it passes unread; turn it off in the load balancer in front of Tracehare`;
      default:
        return `${said}: it passes unread, only AMQP 0-9-1 is observed; use such a client, or connect this one to the broker itself`;
    }
  }
}

function answered(speaks: Speech | 'nothing', upstream: string, tls: boolean): string {
  switch (speaks) {
    case 'nothing':
      return `ended a connection without a word of AMQP: is it a broker's port${tls ? ', 5671 by default, and does it want a certificate (upstream.tls.cert)?' : ', 5672 by default, and without TLS? With it, use amqps://'}`;
    case 'TLS':
      return `speaks TLS: use amqps://${upstream}`;
    case 'HTTP':
      return "answers AMQP with HTTP, it is no AMQP port: set --upstream to the broker's, 5672 by default";
    case 'AMQP 1.0':
    case 'another version of AMQP':
      return `answers with ${speaks}: a broker of AMQP 0-9-1 is needed, such as RabbitMQ`;
    default:
      return `answers AMQP with ${speaks}, it is no AMQP port: set --upstream to the broker's, 5672 by default`;
  }
}

/** By what the handshake of an app with listen.tls failed. */
function handshake(code: string): string {
  const failed = 'the TLS handshake of an app failed';
  if (code === 'ERR_SSL_HTTP_REQUEST')
    return 'an app speaks HTTP to --listen, where AMQP over TLS is spoken (listen.tls)';
  if (/WRONG_VERSION_NUMBER|PROXY_REQUEST|PACKET_LENGTH|UNEXPECTED_MESSAGE|RECORD/.test(code))
    return 'an app speaks no TLS to --listen, which has listen.tls: give the app an amqps:// URL';
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED)/.test(code))
    return `${failed}: it does not accept the certificate of listen.tls.cert; let the app trust its CA, and look at its names and dates (${code})`;
  if (/DID_NOT_RETURN_A_CERTIFICATE/.test(code))
    return `${failed}: it showed no certificate, and listen.tls.clientCertificate is require`;
  if (/UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|NO_PROTOCOLS/.test(code))
    return `${failed}: it offers no version or cipher of TLS that is still safe; TLS 1.2 at least is needed (${code})`;
  if (!code.startsWith('ERR_'))
    return `${failed}: its certificate is refused, ${code}; listen.tls.ca holds the CA that apps' certificates are held against`;
  return `${failed}: ${code}`;
}
