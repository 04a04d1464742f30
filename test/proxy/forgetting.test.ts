import { expect, test, vi } from 'vitest';
import { deliver, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake } from '../../testing/plane-rig.ts';

const TAG = 'amq.ctag-test';

/** A connection that publishes and consumes, and a way to let its names age as Listener.age does. */
function site() {
  const rig = createRig();
  handshake(rig, { consume: { tag: TAG, noAck: true } });
  const made = { publishes: vi.spyOn(rig.recorder, 'publishes'), deliveries: vi.spyOn(rig.recorder, 'deliveries') };
  return {
    ...rig,
    made,
    pass(routingKey: string) {
      rig.app.receive(publish({ exchange: 'orders', routingKey, body: 10 }));
      rig.broker.receive(deliver({ exchange: 'orders', routingKey, body: 10 }, TAG, 1));
    },
    age() {
      rig.plane.age();
      rig.connection.rerouted();
    },
  };
}

test('an open channel keeps the routes it uses, and forgets the others', () => {
  const { pass, age, made } = site();
  pass('left');
  for (let i = 0; i < 5; i++) {
    pass('used');
    age();
  }
  expect(made.publishes).toHaveBeenCalledTimes(2);
  expect(made.deliveries).toHaveBeenCalledTimes(2);
  pass('left');
  expect(made.publishes).toHaveBeenCalledTimes(3);
  expect(made.deliveries).toHaveBeenCalledTimes(3);
});

test('what is learned of an exchange holds for routes in use, however old', () => {
  const { pass, age, plane, broker } = site();
  const isMandatory = () => {
    const { last } = broker;
    // behind the names, in front of the frame's end
    return (last[7 + Buffer.from(last).readUInt32BE(3) - 1] & 1) === 1;
  };
  for (let i = 0; i < 3; i++) {
    pass('used');
    age();
  }
  pass('used');
  expect(isMandatory()).toBe(true);
  age();
  plane.facts.noteDelaying('/', 'orders');
  pass('used');
  expect(isMandatory()).toBe(false);
});
