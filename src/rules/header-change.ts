import { writeKey } from '../amqp/content.ts';
import { writeU32 } from '../amqp/fields.ts';
import type { HeaderChange } from '../proxy/routing/treatment.ts';
import type { RuleHeaders } from './rule.ts';

/** What a rule says of headers, as the bytes that go on the wire; values are of type S, which all clients read as text. */
export function compileHeaders({ add = {}, remove = [], replace = false }: RuleHeaders): HeaderChange {
  return {
    add: Object.entries(add).map(([name, value]) => ({ name: Buffer.from(name), entry: entryOf(name, value) })),
    remove: remove.map((name) => Buffer.from(name)),
    replace,
  };
}

/** Bytes that `add` takes in a message. */
export const addedBytes = ({ add }: HeaderChange): number => add.reduce((sum, { entry }) => sum + entry.length, 0);

function entryOf(name: string, value: string): Uint8Array {
  const [key, bytes] = [Buffer.from(name), Buffer.from(value)];
  const entry = Buffer.alloc(key.length + 6 + bytes.length);
  // byte for byte: a name may be more than ASCII
  const at = writeKey(entry, 0, key.toString('latin1'), 'S');
  writeU32(entry, at, bytes.length);
  bytes.copy(entry, at + 4);
  return entry;
}
