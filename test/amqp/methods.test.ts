import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/amqp/fields.ts';
import { closeFrame, emptyFrame, readMethod } from '../../src/amqp/methods.ts';
import { keyOf, type MethodName, methodNames, methods } from '../../src/amqp/spec.ts';
import { long, method, short, u8, u16, u32, u64 } from '../../testing/wire.ts';
import { meaningOf, namedFields, tableOf } from './arbitraries.ts';

/**
 * The specification again, copied by hand from its other face: class and method id, and the
 * arguments' domains in order. o octet, h short, l long, L longlong, s shortstr, S longstr,
 * F table, each b a bit.
 */
const SPECIFICATION = `
connection.start 10 10 ooFSS          connection.start-ok 10 11 FsSs
connection.secure 10 20 S             connection.secure-ok 10 21 S
connection.tune 10 30 hlh             connection.tune-ok 10 31 hlh
connection.open 10 40 ssb             connection.open-ok 10 41 s
connection.close 10 50 hshh           connection.close-ok 10 51 -
connection.blocked 10 60 s            connection.unblocked 10 61 -
connection.update-secret 10 70 Ss     connection.update-secret-ok 10 71 -
channel.open 20 10 s                  channel.open-ok 20 11 S
channel.flow 20 20 b                  channel.flow-ok 20 21 b
channel.close 20 40 hshh              channel.close-ok 20 41 -
exchange.declare 40 10 hssbbbbbF      exchange.declare-ok 40 11 -
exchange.delete 40 20 hsbb            exchange.delete-ok 40 21 -
exchange.bind 40 30 hsssbF            exchange.bind-ok 40 31 -
exchange.unbind 40 40 hsssbF          exchange.unbind-ok 40 51 -
queue.declare 50 10 hsbbbbbF          queue.declare-ok 50 11 sll
queue.bind 50 20 hsssbF               queue.bind-ok 50 21 -
queue.purge 50 30 hsb                 queue.purge-ok 50 31 l
queue.delete 50 40 hsbbb              queue.delete-ok 50 41 l
queue.unbind 50 50 hsssF              queue.unbind-ok 50 51 -
basic.qos 60 10 lhb                   basic.qos-ok 60 11 -
basic.consume 60 20 hssbbbbF          basic.consume-ok 60 21 s
basic.cancel 60 30 sb                 basic.cancel-ok 60 31 s
basic.publish 60 40 hssbb             basic.return 60 50 hsss
basic.deliver 60 60 sLbss             basic.get 60 70 hsb
basic.get-ok 60 71 Lbssl              basic.get-empty 60 72 s
basic.ack 60 80 Lb                    basic.reject 60 90 Lb
basic.recover-async 60 100 b          basic.recover 60 110 b
basic.recover-ok 60 111 -             basic.nack 60 120 Lbb
confirm.select 85 10 b                confirm.select-ok 85 11 -
tx.select 90 10 -                     tx.select-ok 90 11 -
tx.commit 90 20 -                     tx.commit-ok 90 21 -
tx.rollback 90 30 -                   tx.rollback-ok 90 31 -
`;
const specification = [...SPECIFICATION.matchAll(/(\S+) (\d+) (\d+) (\S+)/g)].map(
  ([, name, classId, methodId, args]) => ({
    name: name as MethodName,
    classId: Number(classId),
    methodId: Number(methodId),
    args: args === '-' ? '' : args,
  }),
);

interface Argument {
  bytes: Buffer;
  value: unknown;
}
const argument: Record<string, fc.Arbitrary<Argument>> = {
  o: fc.nat(255).map((value) => ({ bytes: u8(value), value })),
  h: fc.nat(65_535).map((value) => ({ bytes: u16(value), value })),
  l: fc.nat(0xffffffff).map((value) => ({ bytes: u32(value), value })),
  L: fc.maxSafeNat().map((value) => ({ bytes: u64(value), value })),
  s: fc
    .string({ maxLength: 60, unit: 'binary' })
    .filter((value) => Buffer.byteLength(value) < 256)
    .map((value) => ({ bytes: short(value), value })),
  S: fc.uint8Array({ maxLength: 300 }).map((value) => ({ bytes: long(value), value })),
  F: namedFields.map((pairs) => ({ bytes: tableOf(pairs), value: meaningOf(pairs) })),
};
const run = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 });

/** Arguments of one method: its bytes, and the values in order. Bits that stand together share an octet. */
const written = (args: string): fc.Arbitrary<{ bytes: Buffer[]; values: unknown[] }> =>
  fc
    .tuple(
      ...(args.match(/b+|[^b]/g) ?? []).map((part) =>
        part[0] === 'b' ? run.map((all) => all.slice(0, part.length)) : argument[part],
      ),
    )
    .map((parts) => ({
      bytes: parts.map((part) =>
        Array.isArray(part) ? u8(part.reduce((octet, bit, i) => octet | (bit ? 1 << i : 0), 0)) : part.bytes,
      ),
      values: parts.flatMap((part) => (Array.isArray(part) ? part : [part.value])),
    }));

/** `frame` between other bytes. */
function inside(frame: Buffer): [Buffer, number, number] {
  return [Buffer.concat([Buffer.alloc(6, 0x41), frame, Buffer.alloc(300, 0x41)]), 6, 6 + frame.length];
}
const comparable = (value: unknown): unknown => (value instanceof Uint8Array ? new Uint8Array(value) : value);

describe('methods', () => {
  test('are those of the specification with RabbitMQ’s extensions, by number and by name', () => {
    expect(Object.keys(methods).sort()).toEqual(specification.map(({ name }) => name).sort());
    for (const { name, classId, methodId, args } of specification) {
      expect(methods[name], name).toMatchObject({ classId, methodId });
      expect(keyOf(name)).toBe(u16(classId).readUInt16BE() * 65_536 + methodId);
      expect(methodNames.get(keyOf(name))).toBe(name);
      expect(Object.keys(methods[name].args).length, name).toBe(args.length);
    }
    expect(methodNames.size).toBe(specification.length);
  });

  test('with content are publish, return, deliver and get-ok', () => {
    const withContent = Object.entries(methods).filter(([, spec]) => 'content' in spec && spec.content);
    expect(withContent.map(([name]) => name).sort()).toEqual([
      'basic.deliver',
      'basic.get-ok',
      'basic.publish',
      'basic.return',
    ]);
  });

  test.each(specification)('$name is read as it was written', ({ name, classId, methodId, args }) => {
    fc.assert(
      fc.property(written(args), fc.nat(65_535), ({ bytes, values }, channel) => {
        const frame = method(channel, classId, methodId, ...bytes);
        const read = readMethod(name, ...inside(frame));
        expect(Object.keys(read)).toEqual(Object.keys(methods[name].args));
        expect(Object.values(read).map(comparable)).toEqual(values);
      }),
      { numRuns: 30 },
    );
  });

  test.each(specification.filter(({ args }) => args !== ''))(
    '$name cut anywhere is malformed',
    ({ name, classId, methodId, args }) => {
      fc.assert(
        fc.property(written(args), ({ bytes }) => {
          const all = Buffer.concat(bytes);
          for (let cut = 0; cut < all.length; cut++) {
            const frame = method(1, classId, methodId, all.subarray(0, cut));
            expect(() => readMethod(name, ...inside(frame))).toThrow(MalformedError);
          }
        }),
        { numRuns: 5 },
      );
    },
  );

  test('read from random bytes are something or malformed, nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...specification),
        fc.uint8Array({ maxLength: 40 }),
        ({ name, classId, methodId }, args) => {
          try {
            readMethod(name, ...inside(method(1, classId, methodId, Buffer.from(args))));
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  test('a malformed one tells no content', () => {
    const frame = method(0, 10, 11, long(''), short('PLAIN'), u32(99), Buffer.from('secret'));
    expect(() => readMethod('connection.start-ok', ...inside(frame))).toThrow(/^connection\.start-ok$/);
  });
});

describe('what Tracehare says itself', () => {
  test.each(['connection.close', 'channel.close'] as const)('%s, to the byte', (name) => {
    const classId = name === 'channel.close' ? 20 : 10;
    const methodId = name === 'channel.close' ? 40 : 50;
    const wanted = method(7, classId, methodId, u16(320), short('CONNECTION_FORCED - ü'), u16(0), u16(0));
    expect(Buffer.from(closeFrame(name, 7, 320, 'CONNECTION_FORCED - ü'))).toEqual(wanted);
  });

  test('a reply text is cut to what a short string holds', () => {
    const text = 'x'.repeat(300);
    expect(Buffer.from(closeFrame('channel.close', 1, 404, text))).toEqual(
      method(1, 20, 40, u16(404), short(text.slice(0, 255)), u16(0), u16(0)),
    );
  });

  test.each([
    ['connection.close-ok', 10, 51],
    ['channel.close-ok', 20, 41],
  ] as const)('%s, to the byte', (name, classId, methodId) => {
    expect(Buffer.from(emptyFrame(name, 258))).toEqual(method(258, classId, methodId));
  });
});
