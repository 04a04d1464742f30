import { z } from 'zod';
import { didYouMean, shown } from '../config/nearest.ts';
import { upstreams } from '../config/values.ts';
import { NotInjected } from './pod.ts';

const PREFIX = 'tracehare.io/';
/** The annotation that asks for a sidecar. */
export const INJECT = `${PREFIX}inject`;

const NO_PORT = 'expects a port from 1 to 65535';
const port = z
  .string()
  .regex(/^\d{1,5}$/, NO_PORT)
  .transform(Number)
  .refine((value) => value >= 1 && value <= 65_535, NO_PORT);

/** What may be annotated beside `inject`, and how it is read. */
const KNOWN = {
  image: z.string().regex(/^[\w.:/@-]{1,512}$/, 'expects the name of an image'),
  // passed on as it was written: the sidecar reads it itself
  upstream: z.string().superRefine((text, context) => {
    for (const { message } of upstreams.safeParse(text).error?.issues ?? [])
      context.addIssue({ code: 'custom', message });
  }),
  'config-map': z
    .string()
    .max(253, 'is too long for the name of a ConfigMap')
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'expects the name of a ConfigMap'),
  port,
  'admin-port': port,
  rewrite: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine(
      (names) => names.every((name) => /^[A-Za-z_][\w.-]*$/.test(name)),
      'expects names of variables, such as AMQP_URL',
    ),
};

export type Annotated = { [name in keyof typeof KNOWN]?: z.infer<(typeof KNOWN)[name]> };

/** Whether a pod asks for a sidecar. */
export function asksForSidecar(annotations: Record<string, string>): boolean {
  return Object.hasOwn(annotations, INJECT) && annotations[INJECT] === 'true';
}

/** Reads what a pod is annotated with. Throws NotInjected for the first that is wrong or unknown. */
export function readAnnotations(annotations: Record<string, string>): Annotated {
  const read: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(PREFIX) || key === INJECT) continue;
    const name = key.slice(PREFIX.length);
    if (!Object.hasOwn(KNOWN, name)) {
      const known = ['inject', ...Object.keys(KNOWN)].map((each) => PREFIX + each);
      throw new NotInjected(
        `unknown annotation ${shown(key)}${didYouMean(key, known) || `; known are ${known.join(', ')}`}`,
      );
    }
    const found = KNOWN[name as keyof typeof KNOWN].safeParse(text);
    if (!found.success) throw new NotInjected(`annotation ${key}: ${found.error.issues[0].message}`);
    read[name] = found.data;
  }
  return read;
}
