import { envDetector, hostDetector, osDetector, processDetector } from '@opentelemetry/resources';
import { expect, test } from 'vitest';
import { wantedDetectors } from '../../src/telemetry/export/detectors.ts';

const wanted = (OTEL_NODE_RESOURCE_DETECTORS?: string) => wantedDetectors({ OTEL_NODE_RESOURCE_DETECTORS });

test('by default the host, the system and the variables, not the command line', () => {
  expect(wanted()).toEqual([hostDetector, osDetector, envDetector]);
  expect(wanted(' ')).toEqual(wanted());
});

test('OTEL_NODE_RESOURCE_DETECTORS names others', () => {
  expect(wanted('env, process')).toEqual([envDetector, processDetector]);
  expect(wanted('all')).toContain(processDetector);
  expect(wanted('none')).toEqual([]);
  expect(wanted('host,telegraph')).toEqual([hostDetector]);
});
