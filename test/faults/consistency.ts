import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { until } from '../../testing/wait.ts';

/** What the apps of a run know by themselves. */
export interface Known {
  /** publishes handed to amqplib, repetitions too */
  attempts: number;
  acked: number;
  nacked: number;
  /** attempts whose connection or channel ended first */
  unanswered: number;
  /** deliveries that came, and those that were acked */
  delivered: number;
  settled: number;
  /** distinct messages that were published until they were acked, and that were consumed */
  published: Set<number>;
  consumed: Set<number>;
  /** connections that ended without the app's doing */
  broken: number;
}

const IN_FLIGHT = 25;

/** A connection, and what resolves when it or a channel of it is gone: amqplib leaves some calls unanswered then. */
interface Link {
  model: ChannelModel;
  gone: Promise<undefined>;
  end(): void;
}

/** Opens a connection however often it takes, until `over`. */
async function reconnect(url: string, over: () => boolean): Promise<Link | undefined> {
  while (!over()) {
    const model = await connect(url, { timeout: 5000 }).catch(() => undefined);
    if (model === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const { promise: gone, resolve } = Promise.withResolvers<undefined>();
    model.on('error', () => {});
    model.once('close', () => resolve(undefined));
    return { model, gone, end: () => resolve(undefined) };
  }
  return undefined;
}

async function open<C extends Channel>(link: Link, channel: Promise<C>): Promise<C | undefined> {
  const opened = await Promise.race([channel.catch(() => undefined), link.gone]);
  opened?.on('error', () => {});
  opened?.once('close', link.end);
  return opened;
}

const close = ({ model, gone }: Link): Promise<unknown> => Promise.race([model.close().catch(() => {}), gone]);

/** A confirm, or neither when the channel ended first. */
function publish(channel: ConfirmChannel, queue: string, id: number, gone: Promise<undefined>) {
  return Promise.race([
    new Promise<'ack' | 'nack'>((resolve, reject) => {
      try {
        channel.sendToQueue(queue, Buffer.from(String(id)), { persistent: true }, (error) =>
          // amqplib answers what is open with an error of its own when the channel closes
          error === null ? resolve('ack') : /nack/.test(String(error?.message)) ? resolve('nack') : reject(error),
        );
      } catch (error) {
        reject(error as Error);
      }
    }).catch(() => undefined),
    gone,
  ]);
}

/** Publishes ids until `over`, each again and again until it is acked, on a new connection whenever one ends. */
export async function produce(url: string, queue: string, ids: () => number, over: () => boolean, known: Known) {
  const again: number[] = [];
  const next = (): number | undefined => again.shift() ?? (over() ? undefined : ids());
  const never = (): boolean => false;
  for (let id = next(); id !== undefined; id = next()) {
    again.unshift(id);
    const link = (await reconnect(url, never)) as Link;
    const channel = await open(link, link.model.createConfirmChannel());
    if (channel === undefined) continue;
    let ended = false;
    void link.gone.then(() => {
      ended = true;
    });
    while (!ended && (again.length > 0 || !over())) {
      const batch = Array.from({ length: IN_FLIGHT }, next).filter((each) => each !== undefined);
      known.attempts += batch.length;
      const answers = await Promise.all(batch.map((each) => publish(channel, queue, each, link.gone)));
      answers.forEach((answer, index) => {
        if (answer === 'ack') {
          known.acked++;
          known.published.add(batch[index]);
          return;
        }
        if (answer === 'nack') known.nacked++;
        else known.unanswered++;
        again.push(batch[index]);
      });
    }
    if (ended) known.broken++;
    await Promise.race([close(link), pause()]);
  }
}

/** For a connection whose channel alone was closed: closing it is not waited for long. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1000));

/** Consumes until `over`; a message that comes again is acked and not consumed again. */
export async function consume(url: string, queue: string, over: () => boolean, known: Known) {
  while (!over()) {
    const link = await reconnect(url, over);
    if (link === undefined) return;
    const channel = await open(link, link.model.createChannel());
    if (channel === undefined) continue;
    let ended = false;
    void link.gone.then(() => {
      ended = true;
    });
    const started = async () => {
      await channel.prefetch(20);
      await channel.consume(queue, (message) => {
        if (message === null) return;
        known.delivered++;
        known.consumed.add(Number(message.content.toString()));
        try {
          channel.ack(message);
          known.settled++;
        } catch {
          // the channel has ended: it comes again
        }
      });
    };
    await Promise.race([started().catch(link.end), link.gone]);
    await until(() => ended || over(), 'the run is over', 3_600_000);
    if (ended) known.broken++;
    await Promise.race([close(link), pause()]);
  }
}
