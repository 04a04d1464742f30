import { z } from 'zod';
import { isPath, nameOf } from '../plugins/name.ts';
import { custom, optional, setting } from './declare.ts';
import { duration, placeholders, text } from './values.ts';

const module = text.clone().register(placeholders, { text: 'MODULE' });
const options = z
  .record(z.string(), z.unknown(), { error: 'expects keys and values, of whatever the plugin understands' })
  .register(placeholders, { text: 'KEY: VALUE' });

/** An entry of `plugins`. */
export const plugin = z.strictObject(
  {
    module: module.describe(
      'ES module: a path, relative to this file, that starts with ./, ../ or /; or the name of a package that is found from there',
    ),
    name: optional(
      text,
      'value of the label plugin; without it the name of the file without its ending, or the package',
    ),
    options: setting(options, {}, 'handed to each hook of the plugin as they are'),
    budget: setting(duration('1ms'), '1ms', 'what a call of a hook may take; slower ones are counted and logged'),
  },
  { error: 'expects keys and values: module, and perhaps name, options and budget' },
);

/** Names are label values: each must tell one plugin. */
export const checkPlugins: z.core.CheckFn<z.output<typeof plugin>[]> = ({ value, issues }) => {
  if (issues.length > 0) return;
  const names = value.map(nameOf);
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first < index)
      issues.push(
        custom(
          value,
          [index, 'module'],
          `has the name ${name}, as plugins[${first}] has; give one of them another with the key name`,
        ),
      );
  }
  for (const [index, { module }] of value.entries()) {
    if (!isPath(module) && /\.[cm]?[jt]s$/.test(module) && !module.includes('/'))
      issues.push(custom(value, [index, 'module'], `names a package; a file beside this one is ./${module}`));
  }
};
