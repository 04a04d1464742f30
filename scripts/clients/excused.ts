/**
 * Tests that compare what arrives with exactly what was sent, headers included. A sidecar adds two headers
 * (docs/tracing.md), so they can't pass; each is named here, and nothing else is excused. By client; a test's name as
 * its results have it.
 */
export const EXCUSED: Record<string, Record<string, string>> = {
  pika: {
    'tests.acceptance.blocking_adapter_test.TestBasicGet › test': 'wants no headers at all where it sent none',
    'tests.acceptance.blocking_adapter_test.TestPublishAndConsumeWithPubacksAndQosOfOne › test':
      'compares the headers of a returned and of a delivered message with those it sent',
    'tests.acceptance.blocking_adapter_test.TestBasicPublishWithoutPubacks › test':
      'compares the headers of a returned and of a delivered message with those it sent',
  },
  'php-amqplib': {
    'PhpAmqpLib.Tests.Functional.Bug.Bug256Test › frame_order': 'compares all headers with the one it sent',
  },
};

export function reasonFor(client: string, test: string): string | undefined {
  return EXCUSED[client]?.[test];
}
