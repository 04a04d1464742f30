import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Engine } from './engine.ts';
import { STAND_INS } from './stand-ins/all.ts';
import { LABEL, type StandIn } from './stand-ins/stand-in.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Service {
  image: string;
  build?: object;
  ports?: string[];
  healthcheck?: object;
  networks: string[];
}

export const SERVICES: Record<string, Service> = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), {
  merge: true,
}).services;

/** Images of others that the Dockerfile starts from and the stack runs. */
function foreignImages(): string[] {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)];
  const bases = stages.map(([, image]) => image).filter((image) => !stages.some(([, , stage]) => stage === image));
  const run = Object.values(SERVICES).filter(({ build }) => build === undefined);
  // those first that the others are made from
  return [...new Set([...bases, ...run.map(({ image }) => image)])].sort(
    (one, other) => Number(other.startsWith('debian:')) - Number(one.startsWith('debian:')),
  );
}

/** Has all images there that can be had here, and says which can't and which are stand-ins. Docker pulls by itself. */
export async function provideImages(engine: Engine): Promise<{ missing: string[]; standIns: string[] }> {
  const missing: string[] = [];
  const standIns: string[] = [];
  if (engine.name === 'docker') return { missing, standIns };
  let registry = true;
  for (const image of foreignImages()) {
    const name = fullName(image);
    const standIn = STAND_INS[image.split(':')[0]];
    const made = await madeBy(engine, name);
    if (made === '') continue;
    if (made === undefined || made !== standIn?.key) {
      if (registry && (await engine.ask(['pull', '-q', name])).code === 0) continue;
      if (registry) console.log('stack: no registry of images is reached: what stands in for them is made here');
      registry = false;
      if (standIn === undefined) {
        console.log(`stack: ${image} is left out: no registry, and nothing to make it from`);
        missing.push(image);
        continue;
      }
      await standIn.make(engine, name);
    }
    console.log(`stack: ${image} is ${standIn?.what}`);
    standIns.push(image);
  }
  return { missing, standIns };
}

const fullName = (image: string) => `docker.io/${image.includes('/') ? '' : 'library/'}${image}`;

/** Key of the stand-in that the image is, nothing if it came from a registry; undefined if it is not there. */
async function madeBy(engine: Engine, name: string): Promise<StandIn['key'] | undefined> {
  const { code, stdout } = await engine.ask([
    'image',
    'inspect',
    '--format',
    `{{index .Config.Labels "${LABEL}"}}`,
    name,
  ]);
  return code === 0 ? stdout.toString().trim() : undefined;
}
