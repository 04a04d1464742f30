import { parseArgs } from 'node:util';
import { writeU64 } from '../src/amqp/fields.ts';
import { app, deliver, deliveryTagAt, ownTraceparent, stamp } from '../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../testing/plane-rig.ts';

// Slow messages among very many that are not sampled (tracing.keep): are all of them told of, and what does looking for
// them cost? Two data planes without the kernel, one that looks and one that does not, in turn over the same messages.
// Beside it what others would have kept of the same traffic: sampling at the head, and a collector that samples at the tail.

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    slow: { type: 'string', default: '1000' },
    /** messages a second, of simulated time */
    rate: { type: 'string', default: '50000' },
  },
});
const [MESSAGES, SLOW, RATE] = [values.messages, values.slow, values.rate].map(Number);
const TAG = 'tag';
const CHUNK = 250;
/** One in so many is slow. */
const EVERY = Math.floor(MESSAGES / SLOW);
const QUICK_US = 3_000;
const SLOW_US = 2_000_000;

const one = deliver(
  {
    exchange: 'orders',
    routingKey: 'order.created',
    body: 100,
    headers: [ownTraceparent(false), stamp(Number.MAX_SAFE_INTEGER)],
  },
  TAG,
  1,
);
const tagAt = deliveryTagAt(TAG);
const stampAt = one.indexOf(stampBytes());
const chunk = Buffer.concat(Array.from({ length: CHUNK }, () => one));
const ack = app.ack(0, true);
const ackTagAt = 11;

let time = 1_700_000_000_000;
const planes = {
  looking: plane('tracing: { keep: { slow: 100ms, maxPerSecond: 50 } }'),
  not: plane('tracing: { keep: { slow: off } }'),
};
const spent: Record<keyof typeof planes, bigint> = { looking: 0n, not: 0n };
let kept = 0;
const chunks = Math.ceil(MESSAGES / CHUNK);
const warm = Math.ceil(chunks / 20);
for (let round = -warm; round < chunks; round++) {
  time += (CHUNK / RATE) * 1000;
  fill(round);
  for (const [name, rig] of Object.entries(planes) as [keyof typeof planes, Rig][]) {
    const start = process.hrtime.bigint();
    rig.broker.receive(chunk);
    rig.app.receive(ack);
    const took = process.hrtime.bigint() - start;
    if (round >= 0) spent[name] += took;
    const told = rig.events().filter((event) => event.type === 'delivery.ended');
    if (round < 0) continue;
    if (name === 'not' && told.length > 0) throw new Error(`${told.length} were told of that nobody looks for`);
    kept += told.length;
    for (const { startedAt, endedAt, latency } of told)
      if (latency < 1) throw new Error(`quick, and kept: ${latency} s, ${endedAt - startedAt} ms`);
  }
}
const messages = chunks * CHUNK;
const slow = Math.floor((messages - 1) / EVERY) + 1;
const [looking, not] = [Number(spent.looking) / messages, Number(spent.not) / messages];
console.log(`${messages} messages, ${slow} of them slow, sampling 0`);
console.log(`kept: ${kept} of ${slow}, and no other`);
console.log(
  `delivery and settlement: ${not.toFixed(0)} ns without, ${looking.toFixed(0)} ns with: ${(looking / not).toFixed(2)} times`,
);
console.log(
  `head sampling at 1 %: ${Math.round(slow / 100)} of them, and ${Math.round((messages - slow) / 100)} others, to be exported`,
);
console.log(`tail sampling in a collector: ${slow} of them, after ${2 * messages} spans were exported to it`);
process.exit(0);

/** Messages of a round: new tags, published a moment ago, but for the slow ones. */
function fill(round: number): void {
  const first = (round + warm) * CHUNK + 1;
  const now = Math.round(time * 1000);
  for (let i = 0; i < CHUNK; i++) {
    const isSlow = round >= 0 && (round * CHUNK + i) % EVERY === 0;
    writeU64(chunk, i * one.length + tagAt, first + i);
    writeU64(chunk, i * one.length + stampAt, now - (isSlow ? SLOW_US : QUICK_US));
  }
  writeU64(ack, ackTagAt, first + CHUNK - 1);
}

function plane(file: string): Rig {
  const rig = createRig({ env: { OTEL_TRACES_SAMPLER: 'always_off' }, file, now: () => time });
  handshake(rig, { consume: { tag: TAG, noAck: false } });
  return rig;
}

function stampBytes(): Buffer {
  const bytes = Buffer.alloc(8);
  writeU64(bytes, 0, Number.MAX_SAFE_INTEGER);
  return bytes;
}
