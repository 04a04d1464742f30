import type { HeaderDecision, PublishDecision } from './plugin.ts';

const hints = { onPublish: ['headers', 'sample'], onDeliver: ['sample'] } as const;
const headerKeys = ['add', 'remove', 'replace'];

/**
 * What a hook returned, as the decision that it must be; undefined: none. Throws with what is wrong
 * with it: plugins are not only written in TypeScript.
 */
export function readDecision(hook: keyof typeof hints, returned: unknown): PublishDecision | undefined {
  if (returned === undefined || returned === null) return undefined;
  const decision: PublishDecision = known('a decision', returned, hints[hook]);
  const { sample, headers } = decision;
  if (sample !== undefined && typeof sample !== 'boolean')
    throw new TypeError('its decision: sample is not true or false');
  if (headers !== undefined) checkHeaders(known('headers', headers, headerKeys));
  return decision;
}

function checkHeaders({ add, remove, replace }: HeaderDecision): void {
  if (add !== undefined) {
    if (typeof add !== 'object' || add === null) throw new TypeError('its decision: headers.add is no object');
    for (const value of Object.values(add))
      if (typeof value !== 'string') throw new TypeError('its decision: headers.add has a value that is no text');
  }
  if (remove !== undefined && !(Array.isArray(remove) && remove.every((name) => typeof name === 'string')))
    throw new TypeError('its decision: headers.remove is no list of names');
  if (replace !== undefined && typeof replace !== 'boolean')
    throw new TypeError('its decision: headers.replace is not true or false');
}

function known(what: string, value: unknown, keys: readonly string[]): object {
  const expected = `expects nothing, or ${what}: an object with ${keys.join(', ')}`;
  if (typeof value !== 'object' || value === null) throw new TypeError(`it returned a ${typeof value}; ${expected}`);
  for (const key of Object.keys(value)) {
    // not the key itself: it may hold anything
    if (!keys.includes(key)) throw new TypeError(`its decision has an unknown key; ${expected}`);
  }
  return value;
}
