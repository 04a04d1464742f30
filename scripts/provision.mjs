// Makes sure the programs that tests and demo need are installed.
//
//   node scripts/provision.mjs [rabbitmq] [prometheus] [alertmanager] [pika] [ruby] [bunny] [php] [php-amqplib]
//                              [amqp-tools] [jdk] [java-client] [openssl] [systemd] [chromium] [kubernetes-tools]
//                              [faketime] [iproute2] [debootstrap] [haproxy] [podman] [netavark] [aardvark-dns]
//                              [iptables]
//
// Without names: all that `npm test` needs, which is all but the last two lines. On Debian (or a relative) as root,
// what is missing is installed with apt-get, after saying so; anywhere else one line says what to install and the exit code is 1.
// Plain JavaScript, so that any Node can say what is missing before anything else works.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fetchKubernetesTools, kubernetesTools } from './kubernetes-tools.mjs';

// RabbitMQ's own scripts come first: Debian's in /usr/sbin only serve root and the rabbitmq user.
const RABBITMQ_FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/rabbitmq/sbin', '/opt/homebrew/sbin', '/usr/local/sbin'];

/** Folder that holds rabbitmq-server and rabbitmqctl, or undefined. */
export function rabbitmqFolder() {
  return [...RABBITMQ_FOLDERS, ...pathFolders()].find((folder) => isExecutable(join(folder, 'rabbitmq-server')));
}

/** The python3 that can import pika (Debian's before one that comes first on PATH), or undefined. */
export function pikaPython() {
  return ['/usr/bin/python3', 'python3'].find((python) => finds(python, ['-c', 'import pika']));
}

/** Whether a program finds what it is told to load. */
function finds(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Class path of RabbitMQ's Java client with what it needs, or undefined. */
export function javaClassPath() {
  const archives = ['amqp-client', 'slf4j-api', 'slf4j-nop'].map((name) => `/usr/share/java/${name}.jar`);
  return archives.every((each) => existsSync(each)) ? archives.join(delimiter) : undefined;
}

/** Full path of the library that shifts a program's clocks, or undefined. */
export function faketimeLibrary() {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib') : [];
  return folders.map((folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`).find((path) => existsSync(path));
}

/** Full path of a command on PATH, or undefined. */
export function commandPath(name) {
  const folder = [...pathFolders(), '/usr/sbin', '/sbin'].find((each) => isExecutable(join(each, name)));
  return folder && join(folder, name);
}

const PROGRAMS = {
  rabbitmq: { package: 'rabbitmq-server', found: () => rabbitmqFolder() && commandPath('epmd') },
  prometheus: { package: 'prometheus', found: () => commandPath('prometheus') },
  alertmanager: {
    package: 'prometheus-alertmanager',
    found: () => commandPath('prometheus-alertmanager') && commandPath('amtool'),
  },
  pika: { package: 'python3-pika', found: pikaPython },
  ruby: { package: 'ruby', found: () => commandPath('ruby') },
  bunny: { package: 'ruby-bunny', found: () => finds('ruby', ['-e', "require 'bunny'"]) },
  php: { package: 'php-cli', found: () => commandPath('php') },
  'php-amqplib': {
    package: 'php-amqplib',
    found: () =>
      finds('php', [
        '-r',
        "@include 'PhpAmqpLib/autoload.php'; exit(class_exists('PhpAmqpLib\\Wire\\AMQPTable') ? 0 : 1);",
      ]),
  },
  'amqp-tools': { package: 'amqp-tools', found: () => commandPath('amqp-publish') },
  // its compiler too: the tests' apps are run from their source
  jdk: { package: 'default-jdk-headless', found: () => commandPath('java') && commandPath('javac') },
  'java-client': { package: 'librabbitmq-client-java', found: javaClassPath },
  openssl: { package: 'openssl', found: () => commandPath('openssl') },
  chromium: { package: 'chromium', found: () => commandPath('chromium') },
  systemd: { package: 'systemd', found: () => commandPath('systemd-analyze') },
  // what it takes to unpack them
  'kubernetes-tools': { package: 'unzip', found: () => commandPath('unzip') },
  // for proof:faults, and iptables for scripts/stack too
  faketime: { package: 'faketime', found: faketimeLibrary },
  iproute2: { package: 'iproute2', found: () => commandPath('ip') && commandPath('tc') },
  iptables: { package: 'iptables', found: () => commandPath('iptables') },
  // for rabbitmq4.mjs
  debootstrap: { package: 'debootstrap', found: () => commandPath('debootstrap') },
  // for bench/run.ts, where it may be missing
  haproxy: { package: 'haproxy', found: () => commandPath('haproxy') },
  // for scripts/stack, where Docker is not
  podman: { package: 'podman', found: () => commandPath('podman') },
  netavark: {
    package: 'netavark',
    found: () => existsSync('/usr/lib/podman/netavark') || existsSync('/usr/libexec/podman/netavark'),
  },
  'aardvark-dns': {
    package: 'aardvark-dns',
    found: () => existsSync('/usr/lib/podman/aardvark-dns') || existsSync('/usr/libexec/podman/aardvark-dns'),
  },
};

/** What `npm test` needs. */
const FOR_TESTS = Object.keys(PROGRAMS).filter(
  (name) =>
    !['debootstrap', 'faketime', 'iproute2', 'haproxy', 'podman', 'netavark', 'aardvark-dns', 'iptables'].includes(
      name,
    ),
);

/**
 * Installs what is missing of the named programs.
 * Throws an Error of one line when something is missing and cannot be installed here.
 */
export function provision(names = FOR_TESTS) {
  const unknown = names.filter((name) => !(name in PROGRAMS));
  if (unknown.length > 0) {
    throw new Error(`unknown program ${unknown.join(', ')}: known are ${Object.keys(PROGRAMS).join(', ')}`);
  }
  installMissing(names);
  if (names.includes('kubernetes-tools') && kubernetesTools() === undefined) fetchKubernetesTools();
}

function installMissing(names) {
  let missing = packagesMissing(names);
  if (missing.length === 0) return;
  if (!commandPath('apt-get') || process.getuid?.() !== 0) {
    throw new Error(`missing: ${missing.join(', ')} (names of the Debian packages); install them, then try again`);
  }
  console.log(`provision: installing ${missing.join(', ')} with apt-get, starting no service`);
  const apt = withoutStartingServices(() => install(missing));
  missing = packagesMissing(names);
  if (missing.length > 0) {
    throw new Error(`apt-get could not install ${missing.join(', ')}:\n${apt.stderr || apt.stdout}`);
  }
}

function packagesMissing(names) {
  return names.filter((name) => !PROGRAMS[name].found()).map((name) => PROGRAMS[name].package);
}

/** The package lists are fetched only if the ones at hand do not do. */
function install(packages) {
  const arguments_ = ['install', '-y', '--no-install-recommends', ...packages];
  const first = aptGet(arguments_);
  if (first.status === 0) return first;
  const update = aptGet(['update']);
  return update.status === 0 ? aptGet(arguments_) : update;
}

function aptGet(arguments_) {
  return spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...arguments_], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A policy-rc.d that says no (101) keeps packages from starting their services; what was there comes back. */
function withoutStartingServices(action) {
  const policy = '/usr/sbin/policy-rc.d';
  const kept = `${policy}.before-tracehare`;
  const finish = () => {}; // an interrupted apt-get returns to us, so that the policy is put back
  process.on('SIGINT', finish);
  process.on('SIGTERM', finish);
  if (existsSync(policy)) renameSync(policy, kept);
  try {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n');
    chmodSync(policy, 0o755);
    return action();
  } finally {
    rmSync(policy, { force: true });
    if (existsSync(kept)) renameSync(kept, policy);
    process.off('SIGINT', finish);
    process.off('SIGTERM', finish);
  }
}

function pathFolders() {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    provision(process.argv.length > 2 ? process.argv.slice(2) : undefined);
  } catch (error) {
    console.error(`provision: ${error.message}`);
    process.exit(1);
  }
}
