import { z } from 'zod';

const texts = z.record(z.string(), z.string()).nullish();

const container = z.object({
  name: z.string(),
  env: z
    .array(z.object({ name: z.string(), value: z.string().nullish(), valueFrom: z.unknown().optional() }))
    .nullish(),
  ports: z.array(z.object({ containerPort: z.number() })).nullish(),
});

/** As much of a pod as is looked at; whatever else it has goes unread. */
export const podSchema = z.object({
  metadata: z.object({
    name: z.string().nullish(),
    generateName: z.string().nullish(),
    annotations: texts,
    labels: texts,
  }),
  spec: z.object({
    containers: z.array(container),
    initContainers: z.array(container).nullish(),
    volumes: z.array(z.object({ name: z.string() })).nullish(),
    hostNetwork: z.boolean().nullish(),
    os: z.object({ name: z.string() }).nullish(),
    terminationGracePeriodSeconds: z.number().nullish(),
  }),
});

export type Pod = z.infer<typeof podSchema>;
export type PodContainer = z.infer<typeof container>;

/** One step of a JSON patch (RFC 6902). */
export interface Operation {
  op: 'add' | 'replace';
  path: string;
  value: unknown;
}

/** Why a pod stays as it is: one line for whoever applies it. */
export class NotInjected extends Error {
  override name = 'NotInjected';
}
