import { deepStrictEqual as equal } from 'node:assert/strict';
import { proof } from './proof.ts';
import { APPS, SIDECARS, type Stack } from './stack.ts';

interface Found {
  user: string;
  capabilities: string[];
  noNewPrivileges: string;
  root: string;
  writing: Record<string, string>;
  /** scheduling policy of each thread */
  policies: number[];
}

// of process 1, so of what the image starts; field 41 of stat is the policy, the second may have spaces in it
const LOOK = `
const { readFileSync, readdirSync, writeFileSync } = require('node:fs');
const status = readFileSync('/proc/1/status', 'utf8');
const of = (name) => new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm').exec(status)[1];
const write = (path) => { try { writeFileSync(path, ''); return 'written'; } catch (error) { return error.code; } };
const policy = (thread) => readFileSync('/proc/1/task/' + thread + '/stat', 'utf8').split(') ').at(-1).split(' ')[38];
const mounts = readFileSync('/proc/1/mounts', 'utf8').split('\\n').map((each) => each.split(' '));
console.log(JSON.stringify({
  user: of('Uid'),
  capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(of),
  noNewPrivileges: of('NoNewPrivs'),
  root: mounts.find(([, path]) => path === '/')[3].split(',')[0],
  writing: Object.fromEntries(['/proof', '/app/proof', '/usr/local/bin/proof'].map((path) => [path, write(path)])),
  policies: readdirSync('/proc/1/task').map((each) => Number(policy(each))),
}));`;

const CONNECT = `
const { connect } = require('node:net');
const tried = process.argv.slice(1).map((where) => new Promise((resolve) => {
  const [host, port] = where.split(' ');
  const socket = connect({ host, port: Number(port), timeout: 3000 });
  const end = (what) => { socket.destroy(); resolve([where, what]); };
  socket.once('connect', () => end('connected'));
  socket.once('timeout', () => end('timeout'));
  socket.once('error', (error) => end(error.code));
}));
Promise.all(tried).then((all) => console.log(JSON.stringify(Object.fromEntries(all))));`;

const SCHED_BATCH = 3;

/** What apps and sidecars can't do. */
export async function proveConfined(stack: Stack): Promise<void> {
  for (const service of [...SIDECARS, ...APPS]) {
    await proof(`${service} is nobody in particular, has no capability, and a root that can't be written`, async () => {
      const { policies, ...found } = await stack.evaluate<Found>(service, LOOK);
      // a user that may not write somewhere is told that first
      for (const [path, error] of Object.entries(found.writing)) if (error === 'EACCES') found.writing[path] = 'EROFS';
      equal(found, {
        user: '10001',
        capabilities: Array(5).fill('0000000000000000'),
        noNewPrivileges: '1',
        root: 'ro',
        writing: { '/proof': 'EROFS', '/app/proof': 'EROFS', '/usr/local/bin/proof': 'EROFS' },
      });
      return undefined;
    });
  }
  for (const service of SIDECARS) {
    await proof(`every thread of ${service} is scheduled as SCHED_BATCH`, async () => {
      const { policies } = await stack.evaluate<Found>(service, LOOK);
      equal(
        policies.filter((each) => each !== SCHED_BATCH),
        [],
      );
      return `${policies.length} threads`;
    });
  }
  for (const [index, app] of APPS.entries()) await proveReach(stack, app, SIDECARS[index], SIDECARS[1 - index]);
}

async function proveReach(stack: Stack, app: string, own: string, other: string): Promise<void> {
  const strange = { [other]: 5673, rabbitmq: 5672, jaeger: 4318, prometheus: 9090, alertmanager: 9093 };
  await proof(`${app} reaches its own sidecar, and nobody else by name or by address`, async () => {
    const places = Object.entries(strange).map(([service, port]) => `${service} ${port}`);
    for (const [service, port] of Object.entries(strange)) {
      const { NetworkSettings } = await stack.inspect(service);
      places.push(...Object.values(NetworkSettings.Networks).map(({ IPAddress }) => `${IPAddress} ${port}`));
    }
    const found = await stack.evaluate<Record<string, string>>(app, CONNECT, `${own} 5673`, ...places);
    const reached = Object.keys(found).filter((where) => found[where] === 'connected');
    equal(reached, [`${own} 5673`], JSON.stringify(found));
    return `tried ${places.length} others`;
  });
}
