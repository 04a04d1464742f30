import { expect, test } from 'vitest';
import {
  createDiagLogger,
  createExportReport,
  reasonOf,
  withoutSecrets,
} from '../../src/telemetry/export/diagnostics.ts';
import { recordingLog } from './fixtures.ts';

test('failed exports are logged once a minute, with all that were lost since', () => {
  const log = recordingLog();
  let now = 0;
  const report = createExportReport(log, () => now);
  for (now = 0; now < 150_000; now += 1000) report(new Error('no answer'), 10);
  expect(log.lines.map(({ fields }) => fields)).toEqual([{ spans: 10 }, { spans: 600 }, { spans: 600 }]);
  expect(new Set(log.lines.map(({ message }) => message))).toEqual(
    new Set(['spans could not be exported and were dropped: no answer']),
  );
});

test('a kind of SDK message is logged once a minute, whatever its details', () => {
  const log = recordingLog();
  let now = 0;
  const diag = createDiagLogger(log, () => now);
  for (now = 0; now < 90_000; now += 1000) diag.warn('Received Partial Success response:', `{"rejectedSpans":${now}}`);
  diag.error('another');
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'OpenTelemetry: Received Partial Success response: {"rejectedSpans":0}'],
    ['warn', 'OpenTelemetry: Received Partial Success response: {"rejectedSpans":60000}'],
    ['error', 'OpenTelemetry: another'],
  ]);
});

test('SDK messages keep their text and lose objects, stacks and flattened errors', () => {
  const log = recordingLog();
  const diag = createDiagLogger(log);
  diag.warn('sending', { authorization: 'hunter2' }, 'to the endpoint');
  diag.error('Error: duplicate\n    at somewhere (file.js:1:2)');
  diag.error(JSON.stringify({ message: 'Timeout', stack: 'Error: Timeout\n at x', data: 'hunter2' }));
  diag.info('{not JSON');
  expect(log.lines.map(({ message }) => message)).toEqual([
    'OpenTelemetry: sending to the endpoint',
    'OpenTelemetry: Error: duplicate',
    'OpenTelemetry: Timeout',
    'OpenTelemetry: {not JSON',
  ]);
});

test.each([
  ['http://user:hunter2@host:4318/v1/traces?key=hunter2#x failed', 'http://host:4318/v1/traces failed'],
  ["could not parse 'https://hunter2@host'", "could not parse 'https://host'"],
  ['https://host?api-key=hunter2', 'https://host'],
  ['http://user:hun@ter2@host/path', 'http://host/path'],
  ['connect ECONNREFUSED 127.0.0.1:4318', 'connect ECONNREFUSED 127.0.0.1:4318'],
  ['two\n lines', 'two lines'],
])('%j is logged as %j', (text, logged) => {
  expect(withoutSecrets(text)).toBe(logged);
});

test.each([
  [Object.assign(new Error('Unauthorized'), { code: 401 }), 'Unauthorized (401)'],
  [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'AggregateError (ECONNREFUSED)'],
  [Object.assign(new Error('14 UNAVAILABLE: gone'), { code: 14 }), '14 UNAVAILABLE: gone'],
  [new Error('Request timed out'), 'Request timed out'],
])('%s has a reason in one line', (error, reason) => {
  expect(reasonOf(error)).toBe(reason);
});
