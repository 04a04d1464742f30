// Apache Qpid Broker-J from Maven Central: the other broker of AMQP 0-9-1 that a package registry has. Its jars lie in
// ~/.cache/tracehare, which may be deleted when no proof runs.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../testing/folder.ts';
import { end, ended, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { cacheFolder } from '../cache.mjs';
import { commandPath } from '../provision.mjs';

const pom = fileURLToPath(new URL('broker-j.pom.xml', import.meta.url));
const [, VERSION] = /<artifactId>qpid-broker<\/artifactId>\s*<version>([^<]+)/.exec(
  readFileSync(pom, 'utf8'),
) as RegExpExecArray;
const jars = cacheFolder(`broker-j-${VERSION}`);

const user = { name: 'guest', password: 'guest', type: 'managed' };
/** The port is any free one; apps log in as guest with guest. */
const CONFIGURATION = {
  name: 'tracehare',
  modelVersion: '9.0',
  authenticationproviders: [{ name: 'plain', type: 'Plain', secureOnlyMechanisms: [], users: [user] }],
  ports: [
    {
      name: 'AMQP',
      port: '0',
      bindingAddress: '127.0.0.1',
      authenticationProvider: 'plain',
      protocols: ['AMQP_0_9_1'],
      // without one, no vhost is found by any name
      virtualhostaliases: [
        { name: 'default', type: 'defaultAlias' },
        { name: 'name', type: 'nameAlias' },
      ],
    },
  ],
  virtualhostnodes: [
    {
      name: 'default',
      type: 'Memory',
      defaultVirtualHostNode: 'true',
      virtualHostInitialConfiguration: '{"type": "Memory"}',
    },
  ],
};

/** Throws an Error of one line. */
function provide(): void {
  if (existsSync(jars)) return;
  const missing = ['mvn', 'java'].find((name) => commandPath(name) === undefined);
  if (missing !== undefined)
    throw new Error(`no ${missing} here, which Broker-J needs: install Maven and a Java of 17 or later`);
  const work = `${jars}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  console.log(`brokers: fetching Apache Qpid Broker-J ${VERSION} with Maven into ${jars}`);
  try {
    const { status, stdout } = spawnSync(
      'mvn',
      ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${work}`],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`Maven could not fetch it: ${stdout.trim().split('\n')[0]}`);
    if (!existsSync(jars)) renameSync(work, jars);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Starts one and waits until it accepts connections. */
export async function startBrokerJ(): Promise<{ name: string; port: number; stop(): Promise<void> }> {
  provide();
  const folder = temporaryFolder('broker-j');
  const file = (name: string) => join(folder.path, name);
  writeFileSync(file('configuration.json'), JSON.stringify(CONFIGURATION));
  const output = openSync(file('output'), 'w');
  const broker = start(
    'java',
    [
      '-Xmx512m',
      `-DQPID_WORK=${file('work')}`,
      // its 2 s are not enough on a busy machine, while it compiles itself
      '-Dqpid.port.protocol_handshake_timeout=60000',
      ...['-cp', `${jars}/*`, 'org.apache.qpid.server.Main', '-st', 'Memory', '-icp', file('configuration.json')],
    ],
    { cwd: folder.path, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const stop = async () => {
    signal(broker, 'SIGKILL');
    await end(broker);
    folder.remove();
  };
  const log = () => readFileSync(file('output'), 'utf8');
  try {
    await until(
      () => ended(broker) || log().includes('Qpid Broker Ready'),
      () => `Broker-J is up:\n${log()}`,
      180_000,
    );
    const [, port] = /Listening on TCP port (\d+)/.exec(log()) ?? [];
    if (port === undefined) throw new Error(`Broker-J did not start:\n${log()}`);
    return { name: `Apache Qpid Broker-J ${VERSION}`, port: Number(port), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
