import { z } from 'zod';

/** How the schema declares its keys: sections, settings, and lists that only the file can hold. */

/** The key that a section's short form stands for: `listen: X` is `listen: { address: X }`. */
export const shortForms = z.registry<{ key: string }>();

/** For whom a changed value holds once the file is reloaded. */
export type Reload = 'restart' | 'at once' | 'new connections' | 'new channels';

const reloads = z.registry<{ reload: Reload }>();

/** A setting, a list, or all of a section that a reload changes; everything else needs a restart. */
export function reloadable<T extends z.ZodType>(type: T, reload: Reload = 'at once'): T {
  reloads.add(type, { reload });
  return type;
}

/** As declared; what is below a section is like it unless it says otherwise. */
export function reloadOf(type: z.ZodType, above: Reload): Reload {
  return reloads.get(type)?.reload ?? above;
}

/** A section of the file. Left out, it consists of its defaults. */
export function section<T extends z.core.$ZodLooseShape>(
  description: string,
  shape: T,
  shortForm?: keyof T & string,
  check: z.core.CheckFn<z.output<z.ZodObject<T, z.core.$strict>>> = () => {},
) {
  const keys = z.strictObject(shape, { error: 'expects keys and values' }).check(check);
  if (shortForm !== undefined) keys.register(shortForms, { key: shortForm });
  return keys.prefault({} as never).describe(description);
}

/** A setting with a default, written as in the file. */
export function setting<T extends z.ZodType>(type: T, value: z.input<T>, description: string) {
  return type.prefault(value as never).describe(description);
}

export function optional<T extends z.ZodType>(type: T, description: string) {
  return z.exactOptional(type).describe(description);
}

/** Keys of which none is needed, but at least one of them: an empty one would mean nothing, or everything. */
export function atLeastOne<T extends z.core.$ZodLooseShape>(shape: T) {
  const error = `expects at least one of ${Object.keys(shape).join(', ')}`;
  return z
    .strictObject(shape, { error })
    .check(({ value, issues }) => {
      // one misspelt key is already told of
      if (issues.length === 0 && Object.keys(value).length === 0) issues.push(custom(value, [], error));
    })
    .meta({ minProperties: 1 });
}

/** A list of entries with keys of their own. It has neither flag nor variable. Left out, it is empty. */
export function list<T extends z.ZodObject>(
  entry: T,
  description: string,
  check: z.core.CheckFn<z.output<T>[]> = () => {},
) {
  return z
    .array(entry, { error: 'expects a list, each entry with a dash' })
    .check(check)
    .prefault([] as never)
    .describe(description);
}

export function custom(input: unknown, path: PropertyKey[], message: string): z.core.$ZodRawIssue {
  return { code: 'custom', input, path, message };
}
