import { cpSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { end, run, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

describe('the Dockerfile', () => {
  test('ends in an image that runs as a numeric user, without npm', () => {
    expect(lastStage).toMatch(/^USER \d{4,}:\d{4,}$/m);
    expect(lastStage).toMatch(/^FROM debian:/m);
    expect(lastStage).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(lastStage).toMatch(/^ENTRYPOINT \["\/app\/entrypoint.sh"\]$/m);
    expect(lastStage).toMatch(/^HEALTHCHECK .*CMD \["node", "\/app\/healthcheck.mjs"\]$/m);
  });

  test('opens the admin server to kubelet and Prometheus, and leaves the listener on loopback', () => {
    expect(lastStage).toContain('TRACEHARE_ADMIN=0.0.0.0:9673');
    expect(lastStage).not.toContain('TRACEHARE_LISTEN');
  });

  test('copies only what .dockerignore lets through', () => {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!.*--from)(?:--\S+ )*(.+) \S+$/gm)].flatMap(([, from]) =>
      from.split(' '),
    );
    expect(copied).toContain('src');
    for (const path of copied) {
      expect(
        allowed.some((each) => path === each || path.startsWith(`${each}/`)),
        path,
      ).toBe(true);
      expect(existsSync(join(root, path)), path).toBe(true);
    }
  });
});

test('what the image is built from is enough to build it', async () => {
  const app = temporaryFolder('image-build');
  onTestFinished(() => app.remove());
  const build = dockerfile.slice(0, dockerfile.indexOf('\nFROM ', dockerfile.indexOf(' AS build')));
  for (const [, sources, target] of build.matchAll(/^COPY (.+) (\S+)$/gm)) {
    for (const source of sources.split(' ')) {
      const name = target.endsWith('/') && statSync(join(root, source)).isFile() ? basename(source) : '';
      cpSync(join(root, source), join(app.path, target, name), { recursive: true });
    }
  }
  // npm's part
  symlinkSync(join(root, 'node_modules'), join(app.path, 'node_modules'));
  const [, script] = /^RUN node (\S+)$/m.exec(build) as RegExpExecArray;
  const { code, stderr } = await run(process.execPath, [script], { cwd: app.path });
  expect(code, stderr).toBe(0);
  expect(existsSync(join(app.path, 'dist/main.js'))).toBe(true);
});

describe('what the image runs', () => {
  // Laid out as in the image.
  const app = temporaryFolder('image');
  const nodeFolder = dirname(process.execPath);
  const entrypoint = join(app.path, 'entrypoint.sh');

  beforeAll(() => {
    for (const name of ['entrypoint.sh', 'healthcheck.mjs']) cpSync(join(root, 'deploy', name), join(app.path, name));
    symlinkSync(join(root, 'dist'), join(app.path, 'dist'));
  });
  afterAll(() => app.remove());

  test('the sidecar becomes the entrypoint process, and is healthy', async () => {
    const port = await freePort();
    const env = {
      PATH: `${nodeFolder}:${process.env.PATH}`,
      TRACEHARE_LISTEN: '127.0.0.1:0',
      TRACEHARE_ADMIN: `127.0.0.1:${port}`,
    };
    const health = () => run(process.execPath, [join(app.path, 'healthcheck.mjs')], { env });
    expect((await health()).code).toBe(1);

    const child = start(entrypoint, [], { env, stdio: 'ignore' });
    await until(async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok, 'the sidecar serves');
    expect((await health()).code).toBe(0);
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0')).toContain('--disable-sigusr1');
    // Only a process that is the sidecar itself drains and ends with 0.
    signal(child, 'SIGTERM');
    expect(await end(child)).toBe(0);
  });

  test('passes its arguments on', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { code, stdout } = await run(entrypoint, ['--version'], { env: { PATH: nodeFolder } });
    expect(code).toBe(0);
    expect(stdout.toString()).toContain(version);
  });
});
