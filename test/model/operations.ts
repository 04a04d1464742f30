import { bits, method, short, u16, u32 } from '../../testing/wire.ts';
import { LIMIT } from './configuration.ts';
import type { Channel, Content, Lost, Publish, Suspects } from './ledger.ts';
import { confirmSelect, NUMBERS, type Scene } from './scene.ts';

/** One thing that happens, if it can. `what` says of it what is known only when it happens. */
export abstract class Operation {
  #what = '';

  async run(scene: Scene): Promise<void> {
    this.#what = '';
    this.#what = this.happen(scene) ?? '';
    if (this.#what !== '') await scene.check();
  }

  /** What happened; undefined: it could not. */
  abstract happen(scene: Scene): string | undefined;

  /** Those that could not happen say nothing. */
  toString(): string {
    return this.#what;
  }
}

const among = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];
const channelsThat = (scene: Scene, can: (channel: Channel) => boolean): Channel[] =>
  [...scene.ledger.channels.values()].filter(can);

const named = ({ n, channel, route: { exchange, key }, size }: Publish): string =>
  `#${n} of channel ${channel.id} (${[exchange, key].filter(Boolean).join(' ')}, ${size} B)`;

export interface Given extends Omit<Content, 'route'> {
  channel: number;
  route: number;
}

export class Publishes extends Operation {
  readonly #given: readonly Given[];
  readonly #piece: number;
  readonly #later: boolean;

  /** `later`: than all before; else what differs in nothing but its ids and size is kept together with it. */
  constructor(given: readonly Given[], piece: number, later: boolean) {
    super();
    this.#given = given;
    this.#piece = piece;
    this.#later = later;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks) return undefined;
    if (this.#later) scene.pass(1);
    const channels = channelsThat(scene, ({ life }) => life === 'open' || life === 'closed');
    const contents: [Channel, Content][] = [];
    for (const { channel: at, route: routeAt, ...given } of this.#given) {
      const channel = among(channels, at);
      const route = among(scene.routes, routeAt);
      if (channel === undefined || route === undefined) continue;
      // numbers of open publishes may span twice as many as there may be
      const [oldest] = channel.open;
      const next = channel.passed.length + contents.length + 1;
      if (oldest !== undefined && next - oldest.n >= 2 * LIMIT) continue;
      // what carries nothing that tells it apart must be told apart by its size
      const isAlike = !route.propagates && given.context === 'none';
      contents.push([
        channel,
        { ...given, route, size: isAlike ? 1000 + scene.messages.size + contents.length : given.size },
      ]);
    }
    if (contents.length === 0) return undefined;
    const messages = scene.publish(contents, this.#piece);
    const each = messages.map(({ publish }) => {
      const { mandatory, context, copied, table, expires } = publish;
      return [named(publish), mandatory && 'mandatory', context, copied, table, expires && 'expiring']
        .filter((x) => x && x !== 'none')
        .join(' ');
    });
    return `${this.#later ? '1 ms later ' : ''}the app publishes ${each.join(', ')}${this.#piece > 0 ? ` in pieces of ${this.#piece} B` : ''}`;
  }
}

export class Returns extends Operation {
  readonly #at: number;
  readonly #piece: number;

  constructor(at: number, piece: number) {
    super();
    this.#at = at;
    this.#piece = piece;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks || scene.isSlow) return undefined;
    const publish = among(
      channelsThat(scene, repliesStill).flatMap(({ passed }) => passed.filter(isReturnable)),
      this.#at,
    );
    if (publish === undefined) return undefined;
    const late = publish.channel.open.includes(publish) ? '' : ' late';
    scene.return(publish, this.#piece);
    return `the broker returns ${named(publish)}${late}${this.#piece > 0 ? ` in pieces of ${this.#piece} B` : ''}`;
  }
}

const repliesStill = ({ life }: Channel): boolean => life !== 'closed';
/** A broker returns a message before it confirms it, and before it answers what came behind. */
const isReturnable = (publish: Publish): boolean => {
  const { n, channel, state, back, mandatory, shadow, unproven } = publish;
  if (!(mandatory || shadow) || back || n <= channel.read) return false;
  return state === 'open' || (state === 'success' && unproven && isLikeAllTheRest(publish));
};

/** By names and time alone no late return can be told from another one: for all that it may be, the same must happen. */
const isLikeAllTheRest = ({ channel, route, at, shadow, copied }: Publish): boolean =>
  channel.passed.every(
    (each) =>
      each.back ||
      each.route !== route ||
      (route.propagates && each.at !== at) ||
      (each.shadow === shadow && each.copied === copied),
  );

export class Confirms extends Operation {
  readonly #at: number;
  readonly #tag: number;
  readonly #how: 'single' | 'multiple' | 'all';
  readonly #ack: boolean;

  constructor(at: number, tag: number, how: 'single' | 'multiple' | 'all', ack: boolean) {
    super();
    this.#at = at;
    this.#tag = tag;
    this.#how = how;
    this.#ack = ack;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks || scene.isSlow) return undefined;
    const channel = among(
      channelsThat(scene, (each) => confirmable(scene, each).length > 0),
      this.#at,
    );
    if (channel === undefined) return undefined;
    const tags = confirmable(scene, channel);
    const isAll = this.#how === 'all' && tags.length === scene.unconfirmed.get(channel)?.size;
    const tag = isAll ? 0 : (among(tags, this.#tag) as number);
    scene.confirm(channel, tag, this.#how !== 'single', this.#ack);
    const how = this.#how === 'single' ? '' : ' and all before';
    return `the broker ${this.#ack ? 'acks' : 'nacks'} tag ${tag}${how} on channel ${channel.id}`;
  }
}

/** Tags that the broker may confirm: it answers a select before it confirms what came behind it. */
function confirmable(scene: Scene, channel: Channel): number[] {
  if (channel.mode !== 'confirm' || !repliesStill(channel)) return [];
  const select = channel.requests.find(({ reply }) => reply === 'confirm.select' || reply === 'tx.select');
  const last = select === undefined ? Number.POSITIVE_INFINITY : select.behind - channel.selectedAt;
  return [...(scene.unconfirmed.get(channel) ?? [])].filter((tag) => tag <= last);
}

export type Asked = 'qos' | 'confirm.select' | 'confirm.select nowait' | 'tx.select' | 'tx.commit' | 'tx.rollback';
export class Asks extends Operation {
  readonly #at: number;
  readonly #what: Asked;

  constructor(at: number, what: Asked) {
    super();
    this.#at = at;
    this.#what = what;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks) return undefined;
    const channel = among(
      channelsThat(scene, (each) => each.life === 'open' && this.#fits(each)),
      this.#at,
    );
    if (channel === undefined) return undefined;
    const { id } = channel;
    const nowait = this.#what === 'confirm.select nowait';
    const reply = nowait ? 'confirm.select' : (this.#what as Exclude<Asked, 'confirm.select nowait'>);
    if (!nowait) scene.ledger.asked(channel, reply);
    if (reply === 'confirm.select') scene.ledger.select(channel, 'confirm');
    if (reply === 'tx.select') scene.ledger.select(channel, 'tx');
    const [classId, methodId] = NUMBERS[reply];
    if (reply === 'confirm.select') scene.appSays(confirmSelect(id, nowait));
    else if (reply === 'qos') scene.appSays(method(id, classId, methodId, u32(0), u16(1), bits(false)));
    else scene.appSays(method(id, classId, methodId));
    return `the app asks for ${this.#what} on channel ${id}`;
  }

  #fits({ mode, appFrom, requests, ours }: Channel): boolean {
    // the broker will close the channel over it
    const isDoomed = mode === 'confirm' && requests.some(({ reply }) => reply === 'tx.select');
    if (this.#what === 'qos') return true;
    if (isDoomed) return false;
    if (this.#what === 'tx.select') return mode !== 'confirm' || (ours && appFrom === Number.POSITIVE_INFINITY);
    if (this.#what.startsWith('confirm')) return mode !== 'tx';
    return mode === 'tx';
  }
}

const REFUSED_TX = { code: 406, text: 'PRECONDITION_FAILED - cannot switch from confirm to tx mode' };

export class Answers extends Operation {
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks || scene.isSlow) return undefined;
    const channel = among(
      channelsThat(scene, (each) => each.requests.length > 0 && repliesStill(each)),
      this.#at,
    );
    if (channel === undefined) return undefined;
    const { id, requests, mode } = channel;
    const [{ reply }] = requests;
    if (reply === 'tx.select' && mode === 'confirm') {
      scene.ledger.conflict();
      closes(scene, channel, REFUSED_TX, NUMBERS['tx.select'], () => scene.ledger.requestRefused(channel, REFUSED_TX));
      return `the broker refuses tx.select on channel ${id}`;
    }
    const [classId, methodId] = NUMBERS[reply];
    scene.ledger.answered(channel);
    scene.brokerSays(method(id, classId, methodId + 1));
    return `the broker answers ${reply} on channel ${id}`;
  }
}

function closes(
  scene: Scene,
  { id }: Channel,
  { code, text }: { code: number; text: string },
  [classId, methodId]: readonly [number, number],
  ledger: () => void,
): void {
  ledger();
  scene.brokerSays(method(id, 20, 40, u16(code), short(text), u16(classId), u16(methodId)));
}

type Why = 'other' | 'frames' | 'request' | 'exchange' | 'access' | 'size' | 'expiration';

export class BrokerClosesChannel extends Operation {
  readonly #at: number;
  readonly #why: Why;

  constructor(at: number, why: Why) {
    super();
    this.#at = at;
    this.#why = why;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks) return undefined;
    const channels = channelsThat(scene, ({ life }) => life === 'open');
    if (this.#why === 'other') {
      const channel = among(channels, this.#at);
      if (channel === undefined) return undefined;
      const end = { code: 404, text: "NOT_FOUND - no queue 'q' in vhost '/'" };
      closes(scene, channel, end, [50, 10], () => scene.ledger.brokerCloses(channel, end));
      return `the broker closes channel ${channel.id} because of a queue`;
    }
    if (this.#why === 'frames') {
      const channel = among(channels, this.#at);
      if (channel === undefined) return undefined;
      // no broker is known to close a channel so, but 504 is the specification's for it
      const end = { code: 504, text: 'CHANNEL_ERROR' };
      closes(scene, channel, end, [60, 40], () => scene.ledger.brokerCloses(channel, end));
      return `the broker closes channel ${channel.id} because of frames, and names basic.publish`;
    }
    if (scene.isSlow) return undefined;
    if (this.#why === 'request') {
      const channel = among(
        channels.filter(({ requests: [oldest] }) => oldest?.reply === 'qos' || oldest?.reply === 'tx.commit'),
        this.#at,
      );
      if (channel === undefined) return undefined;
      const [{ reply }] = channel.requests;
      const end = { code: 540, text: 'NOT_IMPLEMENTED' };
      closes(scene, channel, end, NUMBERS[reply], () => scene.ledger.requestRefused(channel, end));
      return `the broker closes channel ${channel.id} because of ${reply}`;
    }
    const publish = among(
      channels.flatMap(({ passed }) => passed.filter((each) => this.#mayBeRefused(each))),
      this.#at,
    );
    if (publish === undefined) return undefined;
    const { channel, size, route } = publish;
    const { exchange } = route;
    const refusals: Record<string, [Lost, Suspects, number, string]> = {
      exchange: ['no_exchange', { exchange }, 404, `NOT_FOUND - no exchange '${exchange}' in vhost '/'`],
      access: [
        'access_refused',
        { exchange },
        403,
        `ACCESS_REFUSED - access to exchange '${exchange || 'amq.default'}' in vhost '/' refused for user 'guest'`,
      ],
      size: [
        'too_large',
        { size },
        406,
        `PRECONDITION_FAILED - message size ${size} is larger than configured max size ${size - 1}`,
      ],
      expiration: [
        'invalid',
        { expires: true },
        406,
        'PRECONDITION_FAILED - invalid expiration \'soon\': {leftover_string,<<"soon">>}',
      ],
    };
    const [reason, what, code, text] = refusals[this.#why];
    closes(scene, channel, { code, text }, [60, 40], () => scene.ledger.refused(channel, reason, what, { code, text }));
    return `the broker closes channel ${channel.id} because of ${this.#why} of ${named(publish)}`;
  }

  /** Not one of which the broker has said that it took it, nor one behind a larger one that it took. */
  #mayBeRefused({ n, state, returned, unproven, route, size, expires, channel }: Publish): boolean {
    if (returned || n <= channel.read || !(state === 'open' || unproven)) return false;
    if (this.#why === 'expiration') return expires;
    if (this.#why === 'exchange') return route.exchange !== '';
    return this.#why !== 'size' || (size > 0 && channel.passed.every((each) => !each.unproven || each.size <= size));
  }
}

/** close-ok to the broker's channel.close. */
export class AppAgrees extends Operation {
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks) return undefined;
    const channel = among(
      channelsThat(scene, ({ life }) => life === 'closed'),
      this.#at,
    );
    if (channel === undefined) return undefined;
    scene.ledger.channels.delete(channel.id);
    scene.appSays(method(channel.id, 20, 41));
    return `the app agrees to the end of channel ${channel.id}`;
  }
}

export class AppClosesChannel extends Operation {
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks) return undefined;
    const channel = among(
      channelsThat(scene, ({ life }) => life === 'open'),
      this.#at,
    );
    if (channel === undefined) return undefined;
    channel.over = 'unconfirmed_at_close';
    channel.life = 'holding';
    scene.appCloses(channel.id, method(channel.id, 20, 40, u16(200), short('bye'), u16(0), u16(0)), () => {
      channel.life = 'closing';
      scene.ledger.asked(channel, 'close');
    });
    return `the app closes channel ${channel.id}`;
  }
}

export class AppOpensChannel extends Operation {
  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks || !scene.brokerSpeaks || scene.isSlow) return undefined;
    const id = [1, 2].find((each) => !scene.ledger.channels.has(each));
    if (id === undefined) return undefined;
    scene.openChannel(id);
    return `the app opens channel ${id} anew`;
  }
}

export class AppClosesConnection extends Operation {
  happen(scene: Scene): string | undefined {
    const { ledger } = scene;
    if (!scene.appSpeaks || ledger.closing !== undefined) return undefined;
    scene.appSpeaks = false;
    ledger.closing = { by: 'app', code: 200, text: 'done' };
    for (const channel of ledger.channels.values()) channel.over ??= 'unconfirmed_at_close';
    scene.appCloses(0, method(0, 10, 50, u16(200), short('done'), u16(0), u16(0)), () => {
      scene.appHasClosed = true;
    });
    return 'the app closes the connection';
  }
}

export class BrokerAgrees extends Operation {
  happen(scene: Scene): string | undefined {
    if (!scene.appHasClosed || !scene.brokerSpeaks || scene.isSlow) return undefined;
    scene.brokerSpeaks = false;
    scene.ledger.brokerAgrees();
    scene.brokerSays(method(0, 10, 51));
    return 'the broker agrees to the end of the connection';
  }
}

export class BrokerClosesConnection extends Operation {
  readonly #end: (typeof CLOSES)[number];

  constructor(end: (typeof CLOSES)[number]) {
    super();
    this.#end = end;
  }

  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks || scene.ledger.closing !== undefined) return undefined;
    scene.brokerSpeaks = false;
    const { code, text, failed } = this.#end;
    scene.ledger.brokerGoes({ code, text });
    scene.brokerSays(method(0, 10, 50, u16(code), short(text), ...failed.map(u16)));
    return `the broker closes the connection: ${text}`;
  }
}

/** Closes of a connection that refuse no publish, though most of them name basic.publish. */
export const CLOSES = [
  { code: 320, text: 'CONNECTION_FORCED - shutdown', failed: [0, 0] },
  { code: 501, text: 'FRAME_ERROR - cannot decode', failed: [60, 40] },
  { code: 504, text: "CHANNEL_ERROR - expected 'channel.open'", failed: [60, 40] },
  { code: 505, text: 'UNEXPECTED_FRAME - expected content header', failed: [60, 40] },
];

export class Blocks extends Operation {
  happen(scene: Scene): string | undefined {
    if (!scene.brokerSpeaks) return undefined;
    const blocked = !scene.ledger.blocked;
    scene.block(blocked);
    return blocked ? 'the broker blocks the connection' : 'the broker unblocks the connection';
  }
}

export class AppEnds extends Operation {
  happen(scene: Scene): string | undefined {
    if (!scene.appSpeaks) return undefined;
    scene.appEnds();
    return 'the app ends its side';
  }
}

export class Cut extends Operation {
  readonly #first: 'app' | 'broker';

  constructor(first: 'app' | 'broker') {
    super();
    this.#first = first;
  }

  happen(scene: Scene): string | undefined {
    if (scene.ledger.ended) return undefined;
    scene.cut(this.#first);
    return `both sockets are gone, the ${this.#first}'s first`;
  }
}

export class Pass extends Operation {
  readonly #ms: number;

  constructor(ms: number) {
    super();
    this.#ms = ms;
  }

  happen(scene: Scene): string | undefined {
    if (scene.ledger.ended) return undefined;
    // what becomes of a second that passes while bytes wait is looked at when they don't any more
    const ms = scene.isSlow ? 300 : this.#ms;
    scene.pass(ms);
    return `${ms} ms pass`;
  }
}

export class Slow extends Operation {
  happen(scene: Scene): string | undefined {
    if (scene.isSlow || scene.ledger.ended) return undefined;
    scene.slow();
    return 'the kernel takes nothing towards the broker';
  }
}

export class Flush extends Operation {
  happen(scene: Scene): string | undefined {
    if (!scene.isSlow || scene.ledger.ended) return undefined;
    scene.flush();
    return 'the kernel takes all';
  }
}
