import { expect, test } from 'vitest';
import { publishAndConsume } from '../../testing/traffic.ts';
import { createVhost } from '../../testing/vhost.ts';

test('publishAndConsume returns the truth', async () => {
  const vhost = await createVhost();
  try {
    const truth = await publishAndConsume(vhost.url(), { queue: 'q', messages: 1000 });
    expect(truth.published).toBe(1000);
    expect(truth.consumed.map((message) => message.content.toString())).toEqual([...Array(1000).keys()].map(String));
    expect(await vhost.management.call('GET', `queues/${vhost.name}/q`)).toMatchObject({ name: 'q' });
  } finally {
    await vhost.remove();
  }
});
