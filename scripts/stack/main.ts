/**
 * `npm run proof:stack`: the image as the Dockerfile makes it and the stack of docker-compose.yml, brought up and asked
 * what docs/compose.md says of it. That page also says what it needs and what stands in where no registry is reached.
 *
 *   npm run proof:stack -- [--engine docker|podman] [--picture [--jaeger-ui CLONE]]
 */
import { parseArgs } from 'node:util';
import { proveConfined } from './confined.ts';
import { proveEndings } from './endings.ts';
import { chooseEngine } from './engine.ts';
import { provideImages, SERVICES } from './images.ts';
import { jaegerPage, takePicture, withPage } from './jaeger-page.ts';
import { count, proof } from './proof.ts';
import { proveRunning } from './running.ts';
import { prepareStack, removeLeftovers, type Stack } from './stack.ts';
import { proveTraces } from './traces.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string' },
    picture: { type: 'boolean', default: false },
    'jaeger-ui': { type: 'string' },
  },
});

let stack: Stack | undefined;
const end = async () => {
  const ending = stack;
  stack = undefined;
  await ending?.down();
};
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => end().finally(() => process.exit(code)));

try {
  const engine = await chooseEngine(values.engine);
  console.log(`stack: ${engine.name} ${engine.version}`);
  const { missing, standIns } = await provideImages(engine);
  const services = Object.keys(SERVICES).filter((name) => !missing.includes(SERVICES[name].image));
  const needsPage = values.picture && standIns.includes(SERVICES.jaeger.image);
  const jaeger = needsPage ? withPage(await jaegerPage(values['jaeger-ui'])) : {};
  await removeLeftovers(engine);
  const running = await prepareStack(engine, services, { jaeger });
  stack = running;
  const isUp = await proof('the images are built from the Dockerfile as it is, and the stack comes up', async () => {
    await running.up();
    return services.join(', ');
  });
  if (isUp) await proveAll(running);
} catch (error) {
  count.failed++;
  console.log(`stack: ${(error as Error).message}`);
} finally {
  await end();
}
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed === 0 ? 0 : 1;

async function proveAll(running: Stack): Promise<void> {
  await proveRunning(running);
  await proveConfined(running);
  const order = await proveTraces(running);
  if (values.picture)
    await proof("the picture of an order's trace is taken", async () => {
      if (order === undefined) throw new Error('there is no such trace');
      return takePicture(running, order);
    });
  await proveEndings(running);
}
