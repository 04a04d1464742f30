const NONE_SENT = 'which want no headers at all where they sent none';

/**
 * Tests that compare what arrives with exactly what was sent, headers included. A sidecar adds two headers
 * (docs/tracing.md), so they can't pass; each is named here, and nothing else is excused. By client; a test's name as
 * its results have it.
 */
export const EXCUSED: Record<string, Record<string, string>> = {
  pika: {
    'tests.acceptance.blocking_adapter_test.TestBasicGet › test': NONE_SENT,
    'tests.acceptance.blocking_adapter_test.TestPublishAndConsumeWithPubacksAndQosOfOne › test':
      'which compare the headers of a returned and of a delivered message with those they sent',
    'tests.acceptance.blocking_adapter_test.TestBasicPublishWithoutPubacks › test':
      'which compare the headers of a returned and of a delivered message with those they sent',
  },
  'py-amqp': Object.fromEntries(
    ['plain', 'tls'].flatMap((connection) =>
      [
        `test_publish_get[${connection}]`,
        ...['basic_publish', 'basic_publish_confirm'].flatMap((publish) =>
          ['True', 'False'].map((mandatory) => `test_publish_consume[${connection}-${publish}-${mandatory}-False]`),
        ),
      ].map((test) => [`t.integration.test_rmq.test_rabbitmq_operations › ${test}`, NONE_SENT]),
    ),
  ),
  kombu: Object.fromEntries(
    ['BasicFunctionality', 'Failover'].flatMap((group) =>
      ['queue', 'buffer'].map((kind) => [
        `t.integration.test_py_amqp.test_PyAMQP${group} › test_simple_${kind}_publish_consume`,
        'which compare all headers with the one they sent',
      ]),
    ),
  ),
  'php-amqplib': {
    'PhpAmqpLib.Tests.Functional.Bug.Bug256Test › frame_order': 'which compares all headers with the one it sent',
  },
};

export function reasonFor(client: string, test: string): string | undefined {
  return EXCUSED[client]?.[test];
}
