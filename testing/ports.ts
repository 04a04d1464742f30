import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which kernels give ports to outgoing connections, so that a port that is
// free now stays free until its server has started, and while it restarts.
const LOWEST = 12_000;
const HIGHEST = 32_000;
// Each process looks in a part of its own first: between the look and the start of the server, another test
// process does not find the same port free.
const PART = 100;
const start = LOWEST + (process.pid % ((HIGHEST - LOWEST) / PART)) * PART;
/** nor does this one */
const given = new Set<number>();

/** TCP ports nobody listens on, all different. For servers that can't take port 0. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = given.size < PART / 2 ? randomInt(start, start + PART) : randomInt(LOWEST, HIGHEST);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
