import { expect, test } from 'vitest';
import { failOpen } from '../../src/proxy/plane/fail-open.ts';
import { DeliveryCells } from '../../src/telemetry/recording/delivery-tally.ts';
import { EdgeCells } from '../../src/telemetry/recording/edge-tally.ts';
import { PublishCells } from '../../src/telemetry/recording/publish-tally.ts';
import { TrafficCells } from '../../src/telemetry/recording/traffic-tally.ts';

function methodsOf(prototype: object): string[] {
  const names: string[] = [];
  for (let each = prototype; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value === 'function' && name !== 'constructor') names.push(name);
    }
  }
  return [...new Set(names)];
}

test.each([PublishCells, DeliveryCells, EdgeCells, TrafficCells])(
  'every method of $name is called through its wrapper, and only a call that throws is a failure',
  ({ prototype }) => {
    const called: string[] = [];
    let throws = false;
    const own = methodsOf(prototype).map((name) => [
      name,
      () => {
        called.push(name);
        if (throws) throw new Error(name);
      },
    ]);
    let failures = 0;
    const wrapper = failOpen(Object.fromEntries(own) as Record<string, () => void>, () => failures++);
    const names = methodsOf(prototype);
    for (const name of names) wrapper[name]();
    expect([called, failures]).toEqual([names, 0]);
    throws = true;
    for (const name of names) wrapper[name]();
    expect(failures).toBe(names.length);
  },
);
