/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MEBIBYTE = 1 << 20;
/** What a body frame holds at the frame sizes that the clients here negotiate. */
const FRAMES = [4096 - 8, 131_072 - 8];

const draw = random(0x7ace);
const pool = Buffer.alloc(MEBIBYTE + 65_536);
for (let at = 0; at < pool.length; at += 4) pool.writeUInt32LE(draw() * 2 ** 32, at);

/** The body of message `index`, always the same: most are small, some just around a frame, some up to 1 MiB. */
export function bodyOf(index: number): Buffer {
  const next = random(index);
  const from = Math.floor(next() * 65_536);
  return pool.subarray(from, from + sizeOf(index, next));
}

function sizeOf(index: number, next: () => number): number {
  if (index % 10_000 === 0) return MEBIBYTE;
  const kind = next();
  const share = next();
  if (kind < 0.02) return 0;
  if (kind < 0.85) return Math.ceil(share * 200);
  if (kind < 0.99) return Math.ceil(share * 3000);
  if (kind < 0.998) return FRAMES[0] + Math.floor(share * 3) - 1;
  if (kind < 0.9996) return FRAMES[1] + Math.floor(share * 3) - 1;
  return Math.ceil(share * MEBIBYTE);
}
