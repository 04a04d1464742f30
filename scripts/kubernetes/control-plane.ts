// A Kubernetes API server and its etcd, without nodes: what is applied is read, defaulted, validated, admitted and
// stored, and never run. Both are built from their Go modules at the versions that go.mod beside this file names, with
// their checksums in go.sum, once, in ~/.cache/tracehare, which may be deleted when no proof runs.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePorts } from '../../testing/ports.ts';
import { end, ended, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { cacheFolder } from '../cache.mjs';
import { goCommand } from '../go.ts';

const module = fileURLToPath(new URL('.', import.meta.url));
const [, VERSION] = /k8s\.io\/kubernetes v(\S+)/.exec(readFileSync(join(module, 'go.mod'), 'utf8')) as RegExpExecArray;
const folder = cacheFolder(`control-plane-${VERSION}`);
const PROGRAMS = { 'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver', etcd: 'go.etcd.io/etcd/server/v3' };
const TOKEN = 'tracehare-proof';

/** Folder of the two programs, which are built if there are none yet. Throws an Error of one line. */
function provide(): string {
  if (existsSync(folder)) return folder;
  const go = goCommand('kube-apiserver and etcd');
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  const [major, minor] = VERSION.split('.');
  const of = (name: string, value: string) => `-X k8s.io/component-base/version.git${name}=${value}`;
  const flags = `-s -w ${of('Version', `v${VERSION}`)} ${of('Major', major)} ${of('Minor', minor)}`;
  console.log(`kubernetes: building kube-apiserver ${VERSION} and etcd with Go in ${folder}, once: some minutes`);
  try {
    for (const [name, path] of Object.entries(PROGRAMS)) {
      const { status, stderr, error } = spawnSync(
        go,
        ['build', '-p', '2', '-trimpath', '-buildvcs=false', '-ldflags', flags, '-o', join(work, name), path],
        { cwd: module, encoding: 'utf8', env: { ...process.env, CGO_ENABLED: '0' }, maxBuffer: 1 << 26 },
      );
      if (status !== 0)
        throw new Error(`go could not build ${path}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
    }
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

export interface ControlPlane {
  version: string;
  /** path of a kubeconfig for who may do everything */
  kubeconfig: string;
  stop(): Promise<void>;
}

/** Starts both on free ports of the loopback, and waits until the API server is ready. */
export async function startControlPlane(): Promise<ControlPlane> {
  const programs = provide();
  const data = temporaryFolder('control-plane');
  const inFolder = (name: string) => join(data.path, name);
  const { ca, server } = makeCertificates(data.path);
  const [clientPort, peerPort, port] = await freePorts(3);
  const at = (port: number) => `http://127.0.0.1:${port}`;
  writeFileSync(inFolder('tokens.csv'), `${TOKEN},admin,admin,system:masters\n`, { mode: 0o600 });
  writeFileSync(inFolder('kubeconfig'), JSON.stringify(kubeconfig(`https://127.0.0.1:${port}`, ca)), { mode: 0o600 });
  const output = openSync(inFolder('output'), 'w');
  const run = (name: keyof typeof PROGRAMS, flags: Record<string, string>) =>
    start(
      join(programs, name),
      Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      { cwd: data.path, stdio: ['ignore', output, output] },
    );
  const etcd = run('etcd', {
    'data-dir': inFolder('etcd'),
    'listen-client-urls': at(clientPort),
    'advertise-client-urls': at(clientPort),
    'listen-peer-urls': at(peerPort),
    'initial-advertise-peer-urls': at(peerPort),
    'initial-cluster': `default=${at(peerPort)}`,
    'log-level': 'error',
    'unsafe-no-fsync': 'true',
  });
  const apiserver = run('kube-apiserver', {
    'etcd-servers': at(clientPort),
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': String(port),
    'tls-cert-file': server.cert,
    'tls-private-key-file': server.key,
    'cert-dir': inFolder('apiserver'),
    'token-auth-file': inFolder('tokens.csv'),
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': server.cert,
    'service-account-signing-key-file': server.key,
    'service-cluster-ip-range': '10.0.0.0/24',
    'endpoint-reconciler-type': 'none',
    // no controller makes the accounts that it would ask for
    'disable-admission-plugins': 'ServiceAccount',
  });
  closeSync(output);
  const stop = async () => {
    for (const each of [apiserver, etcd]) {
      signal(each, 'SIGKILL');
      await end(each);
    }
    data.remove();
  };
  const log = () => readFileSync(inFolder('output'), 'utf8').split('\n').slice(-20).join('\n');
  try {
    await until(
      () => ended(apiserver) || ended(etcd) || isReady(port, ca),
      () => `the API server is ready:\n${log()}`,
      300_000,
    );
    if (ended(apiserver) || ended(etcd)) throw new Error(`the control plane did not start:\n${log()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { version: VERSION, kubeconfig: inFolder('kubeconfig'), stop };
}

async function isReady(port: number, ca: string): Promise<boolean> {
  const { get } = await import('node:https');
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/readyz', ca: readFileSync(ca), agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}

function kubeconfig(server: string, ca: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proof', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token: TOKEN } }],
    contexts: [{ name: 'proof', context: { cluster: 'proof', user: 'admin' } }],
    'current-context': 'proof',
  };
}
