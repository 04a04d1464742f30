import { expect, test } from 'vitest';
import type { FindingKind, Seen } from '../../src/proxy/ports/sighting.ts';
import { Findings } from '../../src/telemetry/findings/findings.ts';
import { Sightings } from '../../src/telemetry/recording/sightings.ts';

const MINUTE = 60_000;
const seen = (kind: FindingKind, count = 1, over: Partial<Seen> = {}): Seen => ({
  kind,
  vhost: '/',
  app: 'shop',
  name: 'jobs',
  evidence: 'seen',
  count,
  ...over,
});

test('what is seen too seldom is none', () => {
  const findings = new Findings(0);
  for (let minute = 0; minute < 10; minute++) findings.note([seen('polling', 20)], minute * 2 * MINUTE);
  expect(findings.list({}, 0)).toEqual([]);
  findings.note([seen('polling', 20), seen('polling', 20)], 30 * MINUTE);
  expect(findings.list({}, 0)).toMatchObject([{ kind: 'polling', app: 'shop', name: 'jobs', count: 240 }]);
});

test('what is not seen any more is forgotten', () => {
  const findings = new Findings(60 * MINUTE);
  findings.note([seen('no_ack')], 0);
  expect(findings.list({}, 59 * MINUTE)).toHaveLength(1);
  expect(findings.list({}, 60 * MINUTE)).toEqual([]);
});

test('names without end are bounded, and those that are generated are one', () => {
  const findings = new Findings(0);
  for (let i = 0; i < 5000; i++) findings.note([seen('no_ack', 1, { name: `q-${i}-` })], i);
  expect(findings.list({}, 0).length).toBeLessThanOrEqual(2000);
  const folded = new Findings(0);
  for (const id of ['0123456789abcdef0', '0123456789abcdef1']) folded.note([seen('no_ack', 1, { name: `q.${id}` })], 0);
  expect(folded.list({}, 0)).toMatchObject([{ name: 'q.*', count: 2 }]);
});

test('one app that changes its declaration is no dispute, and two that agree are none', () => {
  const findings = new Findings(0);
  const said = (app: string, evidence: string) =>
    findings.note([seen('declared_differently', 1, { app, evidence })], 0);
  said('shop', 'as durable');
  said('shop', 'as durable, x-max-length=10');
  said('mail', 'as durable, x-max-length=10');
  expect(findings.list({}, 0)).toEqual([]);
  said('mail', 'as durable');
  expect(findings.list({}, 0)).toMatchObject([
    { app: 'mail', evidence: 'mail declares it as durable; shop declares it as durable, x-max-length=10' },
  ]);
});

test('a thread tells what it has seen since it last did, however much that was, in a bounded number of lines', () => {
  const sightings = new Sightings();
  for (let i = 0; i < 5000; i++) sightings.saw(seen('polling', 1, { name: `q${i % 2000}` }));
  const told = sightings.take();
  expect(told).toHaveLength(1000);
  expect(told[0].count).toBe(3);
  expect(sightings.take()).toEqual([]);
});
