import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which kernels give ports to outgoing connections, so that a port that is
// free now stays free until its server has started, and while it restarts.
const LOWEST = 12_000;
const HIGHEST = 32_000;

/** TCP ports nobody listens on, all different. For servers that can't take port 0. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
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
