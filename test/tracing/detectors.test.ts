import { diag } from '@opentelemetry/api';
import { envDetector, hostDetector, osDetector, processDetector } from '@opentelemetry/resources';
import { expect, test, vi } from 'vitest';
import { wantedDetectors } from '../../src/telemetry/export/detectors.ts';
import { resourceOf } from '../../src/telemetry/export/provider.ts';

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

test('a host without an id, as a container is, is told without one and without a warning', async () => {
  const attributes = { 'host.name': 'orders', 'host.id': Promise.resolve(undefined) };
  vi.spyOn(hostDetector, 'detect').mockReturnValue({ attributes });
  const warn = vi.spyOn(diag, 'warn');
  const { attributes: told } = await resourceOf({ OTEL_SERVICE_NAME: 'order-service' }, { version: '1' });
  expect(told).toMatchObject({ 'host.name': 'orders', 'service.name': 'tracehare', 'service.version': '1' });
  expect(told).not.toHaveProperty('host.id');
  expect(warn).not.toHaveBeenCalled();
});
