// Preloaded into a sidecar (node --import): measures how long its traffic thread goes without a turn
// of its event loop, and serves that on TRAFFIC_LOOP_PORT.
//   GET /stretch   the longest since the last call: wall clock and CPU time of this thread, in ms
//   GET /busy      spends 40 ms on the traffic thread, as rendering a scrape there would
import { createServer } from 'node:http';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let longest = { wall: 0, cpu: 0 };
  let [wall, cpu] = [performance.now(), cpuMs()];
  setInterval(() => {
    const [wallNow, cpuNow] = [performance.now(), cpuMs()];
    longest = { wall: Math.max(longest.wall, wallNow - wall), cpu: Math.max(longest.cpu, cpuNow - cpu) };
    [wall, cpu] = [wallNow, cpuNow];
  }, 1).unref();
  createServer((request, response) => {
    if (request.url === '/busy') {
      const until = cpuMs() + 40;
      while (cpuMs() < until);
      response.end('{}');
      return;
    }
    response.end(JSON.stringify(longest));
    longest = { wall: 0, cpu: 0 };
  })
    .listen(Number(process.env.TRAFFIC_LOOP_PORT), '127.0.0.1')
    .unref();
}
